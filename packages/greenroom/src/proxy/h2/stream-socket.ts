import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createAnswerReader } from './answer-reader.ts';
import { requestHead, trailerLines } from './request-bytes.ts';

const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;
const INTERNAL_ERROR = 2;

/**
 * A request of an HTTP/2 connection, as a connection of its own that speaks HTTP/1.1 and carries that one request: it reads as the request, and takes its
 * answer. So it goes the way of all others, with the same checks, limits, retries and drains. Null when it is malformed; it is reset then.
 */
export function streamSocket(stream: ServerHttp2Stream, raw: readonly string[], hasBody: boolean, carrier: Socket): Socket | null {
  const request = requestHead(raw, hasBody);
  const method = raw[raw.indexOf(':method') + 1] ?? '';
  if (!request) {
    stream.close(PROTOCOL_ERROR);
    return null;
  }
  const { isChunked } = request;
  let whole = false;
  let trailers = '';
  let requestWhole = !hasBody;

  /** The answer is given: what is left of the request is of no use any more. */
  function stopRequest(): void {
    if (!requestWhole && !stream.closed) stream.close(NO_ERROR);
  }

  const read = createAnswerReader(method, {
    onInterim(status, fields) {
      if (!stream.headersSent && !stream.destroyed) stream.additionalHeaders({ ':status': status, ...headersOf(fields) });
    },
    onHead(status, fields, bodyFollows) {
      if (!stream.destroyed)
        stream.respond({ ':status': status, ...headersOf(fields) }, { endStream: !bodyFollows, waitForTrailers: bodyFollows });
    },
    onBody(bytes) {
      if (!stream.destroyed) stream.write(bytes);
    },
    onEnd(last) {
      whole = true;
      stream.once('wantTrailers', () => {
        stream.sendTrailers(headersOf(last));
        stopRequest();
      });
      if (stream.writableEnded) stopRequest();
      else stream.end();
    },
  });

  const socket = new Duplex({
    allowHalfOpen: true,
    read: () => void stream.resume(),
    write(bytes: Buffer, _encoding, done) {
      read(bytes);
      // At the pace of the client, which takes each stream at its own.
      if (stream.writableNeedDrain && !stream.destroyed) afterDrain(stream, done);
      else done();
    },
    final(done) {
      // What follows of the request is of no use to anybody any more.
      socket.push(null);
      done();
    },
    destroy(error, done) {
      if (!whole && !stream.closed) stream.close(INTERNAL_ERROR);
      // What still comes is dropped.
      else stream.resume();
      done(error);
    },
  });

  socket.push(Buffer.from(request.head, 'latin1'));
  stream.on('data', (bytes: Buffer) => {
    const more = isChunked ? pushChunk(socket, bytes) : socket.push(bytes);
    if (!more) stream.pause();
  });
  stream.on('trailers', (_headers, _flags, rawTrailers: string[]) => {
    trailers = trailerLines(rawTrailers);
  });
  stream.once('end', () => {
    requestWhole = true;
    if (isChunked && !socket.destroyed && !socket.readableEnded) socket.push(Buffer.from(`0\r\n${trailers}\r\n`, 'latin1'));
  });
  stream.on('error', () => socket.destroy());
  stream.once('aborted', () => socket.destroy());
  stream.once('close', () => socket.destroy());
  return dressed(socket, carrier);
}

/** What the rest asks a connection for beside its bytes is that of the connection which carries the stream. */
function dressed(socket: Duplex, carrier: Socket): Socket {
  const { remoteAddress, localAddress, localPort } = carrier;
  return Object.assign(socket, {
    remoteAddress,
    localAddress,
    localPort,
    servername: (carrier as Socket & { servername?: unknown }).servername,
    setKeepAlive: (...options: Parameters<Socket['setKeepAlive']>) => carrier.setKeepAlive(...options),
    resetAndDestroy: () => socket.destroy(),
    destroySoon: () => {
      socket.end();
      if (socket.writableFinished) socket.destroy();
      else socket.once('finish', () => socket.destroy());
    },
  }) as unknown as Socket;
}

function pushChunk(socket: Duplex, bytes: Buffer): boolean {
  socket.push(Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1'));
  socket.push(bytes);
  return socket.push(Buffer.from('\r\n', 'latin1'));
}

function afterDrain(stream: ServerHttp2Stream, done: () => void): void {
  const go = (): void => {
    stream.off('drain', go);
    stream.off('close', go);
    done();
  };
  stream.on('drain', go);
  stream.on('close', go);
}

function headersOf(fields: readonly [string, string][]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of fields) {
    const known = headers[name];
    headers[name] = known === undefined ? value : [...[known].flat(), value];
  }
  return headers;
}

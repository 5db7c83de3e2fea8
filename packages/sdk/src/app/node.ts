import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Refused } from './authorize.ts';
import { hasBody } from './headers.ts';
import type { Call, Relayed } from './relay.ts';
import type { Streams } from './streams.ts';

export interface Exchange<Context> {
  request: IncomingMessage;
  response: ServerResponse;
  rest: string;
  context: Context;
  /** What a body parser made of the body; looked at only when the body itself was read. */
  parsed: unknown;
}

/** Answers a request of node:http, or of a framework on top of it, by `relay`. Resolves when the answer has begun. */
export async function serveNode<Context>(
  relay: (call: Call<Context>) => Promise<Relayed | Refused>,
  streams: Streams,
  { request, response, rest, context, parsed }: Exchange<Context>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { method = 'GET', headers } = request;
  const answer = await relay({ method, rest, headers, body: bodyOf(request, parsed), context, signal: gone.signal });
  if (gone.signal.aborted || response.headersSent) {
    if ('body' in answer) answer.body.destroy();
  } else if ('refusal' in answer) refuse(response, answer);
  else write(response, answer, streams);
}

function refuse(response: ServerResponse, { status, refusal, retryAfterS }: Refused): void {
  const body = JSON.stringify(refusal);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(retryAfterS !== undefined && { 'retry-after': String(retryAfterS) }),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function write(response: ServerResponse, { status, headers, body, stream }: Relayed, streams: Streams): void {
  // The end of a stream is the end of its connection: nothing idle is left that an ending app would have to wait for.
  if (stream) response.shouldKeepAlive = false;
  response.writeHead(status, headers);
  response.flushHeaders();
  body.pipe(response);
  if (stream) {
    // Middlewares that compress put a `flush` on the response.
    body.on('data', () => (response as { flush?: () => void }).flush?.());
    const forget = streams.add(() => {
      body.unpipe(response);
      response.end();
    });
    response.once('close', forget);
  }
  // Cut short: the client must not take it for the whole.
  body.once('close', () => {
    if (!body.complete && !response.writableEnded) response.destroy();
  });
  // Told by `close` as well; without a listener it would end the app.
  body.on('error', () => response.destroy());
  response.once('close', () => body.destroy());
}

function bodyOf(request: IncomingMessage, parsed: unknown): Readable | Buffer | null | 'lost' {
  if (!hasBody(request.headers)) return null;
  if (!request.readableDidRead) return request;
  if (parsed === undefined || parsed === null) return 'lost';
  if (Buffer.isBuffer(parsed)) return parsed;
  return Buffer.from(typeof parsed === 'string' ? parsed : JSON.stringify(parsed));
}

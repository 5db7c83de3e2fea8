import { connect, type Socket } from 'node:net';

/** A request that the app has begun to receive or to answer, on a kept connection. */
export interface UnderWay {
  /** Sends the rest of it, if there is any. */
  finish(): void;
  /** The status of its answer, or why there is none. Resolves once. */
  answered: Promise<number | string>;
  /** Resolves when the app has closed the connection. */
  closed: Promise<void>;
  /** Whether the app has closed it. */
  isClosed(): boolean;
  end(): void;
}

/** `half` holds the last line of its head back, so that even the quickest app has it under way. */
export async function beginRequest(host: string, port: number, path: string, half: boolean): Promise<UnderWay> {
  const socket = connect({ host, port });
  const answered = Promise.withResolvers<number | string>();
  const closed = Promise.withResolvers<void>();
  let isClosed = false;
  let text = '';
  let failure = 'the connection was closed without an answer';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
    const status = wholeAnswer(text, false);
    if (status !== undefined) answered.resolve(status);
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'the connection was reset' : error.message;
  });
  socket.on('close', () => {
    isClosed = true;
    answered.resolve(wholeAnswer(text, true) ?? failure);
    closed.resolve();
  });
  await opened(socket);
  const head = `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUser-Agent: greenroom-doctor\r\n`;
  socket.write(half ? head : `${head}\r\n`);
  return {
    finish: () => void (half && !isClosed && socket.write('\r\n')),
    answered: answered.promise,
    closed: closed.promise,
    isClosed: () => isClosed,
    end: () => socket.destroy(),
  };
}

async function opened(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
}

/** The status, once the answer is whole: by its length, its last chunk, or the end of the connection. */
function wholeAnswer(text: string, ended: boolean): number | undefined {
  const end = text.indexOf('\r\n\r\n');
  const [, status = ''] = /^HTTP\/1\.[01] (\d{3})/.exec(text) ?? [];
  if (end < 0 || status === '') return undefined;
  const head = text.slice(0, end).toLowerCase();
  const body = text.slice(end + 4);
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  const chunked = /\r\ntransfer-encoding: *chunked/.test(head);
  const bodyless = status === '204' || status === '304';
  const whole = length !== undefined ? body.length >= Number(length) : chunked ? body.endsWith('0\r\n\r\n') : bodyless || ended;
  return whole ? Number(status) : undefined;
}

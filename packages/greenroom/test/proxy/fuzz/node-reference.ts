/** What node:http makes of bytes, as a server and as a client. */
import http from 'node:http';
import { Duplex } from 'node:stream';

export interface Message {
  method: string;
  url: string;
  body: string;
}

export interface Framed {
  /** Whole ones, in order. */
  messages: Message[];
  /** Why it stopped; empty when it did not. */
  error: string;
}

class Pipe extends Duplex {
  override _read(): void {
    // Bytes are pushed.
  }
  override _write(_chunk: unknown, _encoding: string, callback: () => void): void {
    callback();
  }
  setTimeout(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  destroySoon(): void {
    this.destroy();
  }
}

interface State {
  requests: { request: http.IncomingMessage; parts: Buffer[] }[];
  error: string;
}
const states = new WeakMap<object, State>();
const server = http.createServer({ headersTimeout: 0, requestTimeout: 0, connectionsCheckingInterval: 2 ** 30 });
server.on('request', take);
server.on('checkContinue', take);
server.on('checkExpectation', take);
server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
  const state = states.get(socket);
  if (state) state.error ||= error.code ?? error.message;
  socket.destroy();
});

/** Looks at what the parser gives, as it gives it: the events of the stream would be lost when the next request is refused at once. */
function take(request: http.IncomingMessage): void {
  const parts: Buffer[] = [];
  states.get(request.socket)?.requests.push({ request, parts });
  const push = request.push.bind(request);
  request.push = (chunk: Buffer | null, ...rest) => {
    if (chunk) parts.push(chunk);
    return push(chunk, ...rest);
  };
  request.on('error', () => undefined);
  request.resume();
}

export async function serverFraming(bytes: Buffer): Promise<Framed> {
  const pipe = new Pipe({ allowHalfOpen: true });
  const state: State = { requests: [], error: '' };
  states.set(pipe, state);
  server.emit('connection', pipe);
  pipe.on('error', () => undefined);
  pipe.push(bytes);
  await turns(2);
  const whole = state.requests.filter(({ request }) => request.complete);
  pipe.destroy();
  return {
    messages: whole.map(({ request, parts }) => ({
      method: request.method ?? '',
      url: request.url ?? '',
      body: Buffer.concat(parts).toString('latin1'),
    })),
    error: state.error,
  };
}

export interface Answered {
  status: number;
  body: string;
  whole: boolean;
  error: string;
}

/**
 * What a client makes of an answer. `ends`: the connection ends in order behind it, and not by a reset. `upgrades`: it asked for another protocol,
 * whose bytes are then the body.
 */
export function clientFraming(bytes: Buffer, method: string, ends: boolean, upgrades = false): Promise<Answered> {
  return new Promise((resolve) => {
    const pipe = new Pipe({ allowHalfOpen: true });
    const answered: Answered = { status: 0, body: '', whole: false, error: '' };
    const request = http.request({ method, createConnection: () => pipe as never, headers: { Connection: 'close' } });
    request.on('error', (error: NodeJS.ErrnoException) => {
      answered.error ||= error.code ?? error.message;
    });
    if (upgrades)
      request.on('upgrade', (response, _, rest) =>
        Object.assign(answered, { status: response.statusCode, body: rest.toString('latin1'), whole: true }),
      );
    request.on('response', (response) => {
      answered.status = response.statusCode ?? 0;
      response.on('data', (chunk: Buffer) => {
        answered.body += chunk.toString('latin1');
      });
      response.on('end', () => {
        answered.whole = response.complete;
      });
      response.on('error', () => undefined);
    });
    request.end();
    setImmediate(async () => {
      pipe.push(bytes);
      await turns(2);
      // Node takes a reset for the end of an answer without length and chunks.
      if (ends) pipe.push(null);
      await turns(3);
      pipe.destroy();
      resolve(answered);
    });
  });
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise(setImmediate);
}

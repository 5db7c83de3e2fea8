import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { Gate } from './apps.ts';

/** A gate that the test opens, and the arrivals at it. */
export interface TestGate extends Gate {
  let(): void;
  /** Resolves when so many answers have arrived. */
  waitFor(count: number): Promise<void>;
}

export function gate(t: TestContext): TestGate {
  const { promise, resolve } = Promise.withResolvers<void>();
  t.after(() => resolve());
  let arrivals = 0;
  const waiting: { count: number; done: () => void }[] = [];
  const look = (): void => {
    for (const { count, done } of waiting) if (arrivals >= count) done();
  };
  return {
    open: promise,
    let: resolve,
    arrived() {
      arrivals += 1;
      look();
    },
    waitFor: (count) =>
      new Promise((done) => {
        waiting.push({ count, done });
        look();
      }),
  };
}

/** A connection as a client has it: what it has received, and whether it is closed. */
export interface Client {
  socket: Socket;
  text(): string;
  /** Resolves when the text is there; rejects when the connection closes before. */
  until(text: string): Promise<void>;
  closed: Promise<void>;
}

export async function dial(t: TestContext, port: number, path?: string): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk;
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  if (path) socket.write(`GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`);
  const client: Client = {
    socket,
    text: () => received,
    async until(text) {
      while (!received.includes(text)) {
        const gone = closed.then(() => 'closed');
        const next = new Promise((resolve) => socket.once('data', () => setImmediate(resolve)));
        if ((await Promise.race([next, gone])) === 'closed' && !received.includes(text)) throw new Error(`closed after: ${received}`);
      }
    },
    closed,
  };
  return client;
}

/** Whether somebody listens. */
export function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((open) => {
    socket.destroy();
    return open as boolean;
  });
}

export async function ask(port: number, path: string, init: RequestInit = {}): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers: { connection: 'close', ...init.headers } });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

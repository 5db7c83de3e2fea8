import { createServer, type Server, type Socket } from 'node:net';
import type { DataPath, Listener, PickDestination } from '../data-path.ts';
import { type AppConnections, createAppConnections } from './app-connections.ts';
import { Client } from './client.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';

const LIMITS_CHECK_INTERVAL_MS = 1_000;
const BACKLOG = 1024;

/** The data path on sockets: it parses what frames and addresses a message and passes the rest as it is, without building requests and responses. */
export function createSpliceDataPath(limits: Partial<Limits> = {}): DataPath {
  const apps = createAppConnections();
  const whole = { ...DEFAULT_LIMITS, ...limits };
  return {
    listen: (port, host, pick) => listen({ port, host, pick, apps, limits: whole }),
    forget: (host, port) => apps.forget(host, port),
  };
}

interface ListenOptions {
  port: number;
  host: string;
  pick: PickDestination;
  apps: AppConnections;
  limits: Limits;
}

function listen({ port, host, pick, apps, limits }: ListenOptions): Promise<Listener> {
  const clients = new Set<Client>();
  let closing = false;
  const context = { pick, apps, limits, closing: () => closing };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const client = new Client(socket, context);
    clients.add(client);
    wire(socket, client);
    socket.once('close', () => clients.delete(client));
  });
  // One look at all of them now and then costs less than a timer for each.
  const shortest = Math.min(
    limits.headTimeoutMs,
    limits.idleTimeoutMs,
    limits.stallTimeoutMs,
    limits.answerTimeoutMs || Number.POSITIVE_INFINITY,
    limits.totalTimeoutMs || Number.POSITIVE_INFINITY,
  );
  const interval = Math.min(LIMITS_CHECK_INTERVAL_MS, shortest);
  const check = setInterval(() => {
    const now = performance.now();
    for (const client of clients) client.check(now);
  }, interval).unref();

  const close = (graceMs: number): Promise<void> =>
    new Promise((resolve) => {
      closing = true;
      const cut = setTimeout(() => {
        for (const client of clients) client.cut();
      }, graceMs);
      server.close(() => {
        clearTimeout(cut);
        clearInterval(check);
        resolve();
      });
      for (const client of clients) client.endIfIdle();
    });
  return begin(server, port, host, close);
}

function wire(socket: Socket, client: Client): void {
  socket.on('data', (bytes: Buffer) => client.onData(bytes));
  socket.on('drain', () => client.onDrain());
  socket.on('end', () => client.onEnd());
  // The close that follows says all there is to say.
  socket.on('error', () => socket.destroy());
  socket.once('close', () => client.onClose());
}

function begin(server: Server, port: number, host: string, close: Listener['close']): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      // Such as no file descriptor left for the next connection: those that are open go on.
      server.on('error', () => undefined);
      resolve({ close });
    });
  });
}

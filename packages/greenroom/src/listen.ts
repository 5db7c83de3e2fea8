import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';

type Fetch = Parameters<typeof getRequestListener>[0];

/** How long answers under way may take when the service ends. */
const CLOSE_WITHIN_MS = 1_000;

export interface Listening {
  /** 0 for a socket. */
  port: number;
  /** Takes no more connections, waits for answers under way. Streams have to be ended before. */
  close(): Promise<void>;
}

/** A service cannot listen. The message is a sentence for the operator. */
export class CannotListenError extends Error {
  override readonly name = 'CannotListenError';
}

/** What listens, for messages. */
type Who = 'chat' | 'dashboard';

/** Listens on a socket, for this user alone or for every user of this machine. A file that is there is stale: the caller holds the service's lock. */
export async function listenOnSocket(who: Who, fetch: Fetch, path: string, whom: 'user' | 'everyone' = 'user'): Promise<Listening> {
  await rm(path, { force: true });
  const before = process.umask(whom === 'user' ? 0o177 : 0o111);
  // It is bound, with its mode, before this call returns; what is awaited is only being told.
  const started = listening(fetch, { path }, `The ${who} cannot listen on its socket ${path}`);
  process.umask(before);
  return await started;
}

export async function listenOnPort(who: Who, fetch: Fetch, host: string, port: number): Promise<Listening> {
  return await listening(fetch, { host, port }, `The ${who} cannot listen on ${host}:${port}`);
}

async function listening(fetch: Fetch, where: { path: string } | { host: string; port: number }, problem: string): Promise<Listening> {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, getRequestListener(fetch));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(where, resolve);
  try {
    await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'EADDRINUSE' ? 'it is in use; choose another with --port' : (error as Error).message;
    throw new CannotListenError(`${problem}: ${why}.`);
  }
  server.off('error', reject);
  const address = server.address() as AddressInfo | string | null;
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const last = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
    server.close(() => {
      clearTimeout(last);
      resolve();
    });
    server.closeIdleConnections();
  });
}

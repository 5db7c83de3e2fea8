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

/** The service cannot listen. The message is a sentence for the operator. */
export class ChatListenError extends Error {
  override readonly name = 'ChatListenError';
}

/** Listens on a socket for this user alone. A file that is there is stale: the caller holds the service's lock. */
export async function listenOnSocket(fetch: Fetch, path: string): Promise<Listening> {
  await rm(path, { force: true });
  const before = process.umask(0o177);
  // It is bound, with its mode, before this call returns; what is awaited is only being told.
  const started = listening(fetch, { path }, `its socket ${path}`);
  process.umask(before);
  return await started;
}

export async function listenOnPort(fetch: Fetch, host: string, port: number): Promise<Listening> {
  return await listening(fetch, { host, port }, `${host}:${port}`);
}

async function listening(fetch: Fetch, where: { path: string } | { host: string; port: number }, name: string): Promise<Listening> {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, getRequestListener(fetch));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(where, resolve);
  try {
    await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'EADDRINUSE' ? 'it is in use; choose another with --port' : (error as Error).message;
    throw new ChatListenError(`The chat cannot listen on ${name}: ${why}.`);
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

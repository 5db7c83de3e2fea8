/** The sockets that this process listens on: each can be had from whoever holds it already, and handed on to a successor. */
import type { Server } from 'node:net';

export const BACKLOG = 1024;

/**
 * Somebody who may have a listening socket for an address. Calls `take` with it, in the same turn of the event loop in which it arrived, because from then on
 * connections come; answers false when there is none.
 */
export type SocketSource = (port: number, host: string, take: (socket: Server | { fd: number }) => void) => Promise<boolean>;

const sources: SocketSource[] = [];
const open = new Map<string, Server>();

export function takeSocketsFrom(source: SocketSource): void {
  sources.push(source);
}

/** Resolves when the server listens. Rejects with the system's error (`EADDRINUSE`, `EACCES`…). */
export async function listenOn(server: Server, port: number, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  const address = addressOf(port, host);
  const begin = (): void => {
    server.off('error', reject);
    // Such as no file descriptor left for the next connection: those that are open go on.
    server.on('error', () => undefined);
    open.set(address, server);
    server.once('close', () => {
      if (open.get(address) === server) open.delete(address);
    });
    resolve();
  };
  for (const source of sources) {
    if (await source(port, host, (socket) => server.listen(socket, BACKLOG, begin))) return await promise;
  }
  server.listen({ port, host, backlog: BACKLOG }, begin);
  await promise;
}

/** The server that listens there now. */
export function openSocket(port: number, host: string): Server | undefined {
  const server = open.get(addressOf(port, host));
  return server?.listening ? server : undefined;
}

/** Takes no more connections; those that are open go on. */
export function stopListening(): void {
  for (const server of open.values()) if (server.listening) server.close();
}

function addressOf(port: number, host: string): string {
  return `${host} ${port}`;
}

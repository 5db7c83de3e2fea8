/** The sockets that this process listens on: each can be had from whoever holds it already, and handed on to a successor. */
import { createServer, Server, type ServerOpts, type Socket } from 'node:net';
import { type Address, KEPT_BACKLOG, type KeptSocket, keptAt, keptFor, keptSockets, release, turnAway } from './kept-sockets.ts';

export const BACKLOG = 1024;

/**
 * Somebody who may have a listening socket for an address. Calls `take` with it, in the same turn of the event loop in which it arrived, because from then on
 * connections come; answers false when there is none.
 */
export type SocketSource = (port: number, host: string, take: (socket: Server | { fd: number }) => void) => Promise<boolean>;

export interface Listening {
  /** Takes no more connections; resolves when the port is free, unless somebody else keeps its socket. */
  close(): Promise<void>;
}

const sources: SocketSource[] = [];
const open = new Map<string, Server>();

export function takeSocketsFrom(source: SocketSource): void {
  sources.push(source);
}

/** Resolves when it listens. Rejects with the system's error (`EADDRINUSE`, `EACCES`…). */
export async function listenOn(
  { port, host }: Address,
  options: ServerOpts,
  onConnection: (connection: Socket) => void,
): Promise<Listening> {
  const kept = keptFor(port, host);
  const server = createServer(options, kept ? onlyTo(host, kept, onConnection) : onConnection);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.once('listening', () => {
    server.off('error', reject);
    // Such as no file descriptor left for the next connection: those that are open go on.
    server.on('error', () => undefined);
    resolve();
  });
  await Promise.all([promise, bind(server, kept ?? { port, host }, kept)]);
  if (kept) return { close: async () => release(kept, server) };
  const address = addressOf(port, host);
  open.set(address, server);
  server.once('close', () => {
    if (open.get(address) === server) open.delete(address);
  });
  return { close: () => new Promise((done) => server.close(() => done())) };
}

/** The server that listens there now. */
export function openSocket(port: number, host: string): Server | undefined {
  const kept = keptAt(port, host);
  if (kept?.holder) return kept.holder instanceof Server ? kept.holder : turnAway(kept);
  const server = open.get(addressOf(port, host));
  return server?.listening ? server : undefined;
}

/** Takes what somebody keeps and no app is served on, too: when the proxy before this one is gone, nobody can give it any more. */
export async function takeUnusedSockets(): Promise<void> {
  for (const socket of keptSockets()) {
    for (const source of sources) {
      if (socket.holder) break;
      await source(socket.port, socket.host, (given) => {
        socket.holder = given;
        turnAway(socket);
      });
    }
  }
}

/** Takes no more connections; those that are open go on. What somebody else keeps open is closed for this process alone. */
export function stopListening(): void {
  const holders = keptSockets().flatMap(({ holder }) => (holder instanceof Server ? [holder] : []));
  for (const server of [...open.values(), ...holders]) if (server.listening) server.close();
}

/** From whoever has it, or anew. Errors come as the server's. */
async function bind(server: Server, { port, host }: Address, kept: KeptSocket | undefined): Promise<void> {
  const take = (socket: Server | { fd: number }): void => {
    server.listen(socket, kept ? KEPT_BACKLOG : BACKLOG);
    if (kept) kept.holder = server;
  };
  if (kept?.holder) {
    take(kept.holder);
    return;
  }
  for (const source of sources) if (await source(port, host, take)) return;
  server.listen({ port, host, backlog: BACKLOG });
}

/** What comes by another address of a socket that has them all is turned away. */
function onlyTo(host: string, kept: KeptSocket, onConnection: (connection: Socket) => void): (connection: Socket) => void {
  if (host === kept.host || host === '::') return onConnection;
  return (connection) => {
    if (connection.localAddress?.replace(/^::ffff:/, '') === host) onConnection(connection);
    else connection.resetAndDestroy();
  };
}

function addressOf(port: number, host: string): string {
  return `${host} ${port}`;
}

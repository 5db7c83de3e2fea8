/**
 * Listening sockets that whoever started the proxy keeps open, as systemd does: what connects while no proxy runs waits in their queue. Nobody can open one a second time, so this
 * process has its copy of each until it ends, whether an app is served there or not.
 */
import { createServer, Server } from 'node:net';

/** As systemd's default: all that comes while one proxy ends and the next begins. The kernel cuts it to `net.core.somaxconn`. */
export const KEPT_BACKLOG = 4096;
/** An orchestrator that is just starting registers its app by then; until then, what connects waits for that. */
const PATIENCE_MS = 10_000;

export interface Address {
  port: number;
  host: string;
}

export interface KeptSocket extends Address {
  /** What accepts on it, or its descriptor as long as nothing does; null as long as the proxy before this one has it. */
  holder: Server | { fd: number } | null;
  /** What whoever passed it calls it. */
  name: string;
}

const kept: KeptSocket[] = [];
let log: (line: string) => void = () => undefined;

export function keepSockets(sockets: readonly KeptSocket[], tell: (line: string) => void): void {
  kept.push(...sockets);
  log = tell;
  setTimeout(() => {
    for (const socket of kept) if (isUntouched(socket)) turnAway(socket);
  }, PATIENCE_MS).unref();
}

/** The one to serve an address on: its own, or one of all interfaces, which has the port. */
export function keptFor(port: number, host: string): KeptSocket | undefined {
  const isOfIPv6 = host.includes(':') && host !== '::';
  const hosts = isOfIPv6 ? [host, '::'] : [host, '::', '0.0.0.0'];
  return hosts.map((each) => keptAt(port, each)).find((socket) => socket !== undefined);
}

export function keptAt(port: number, host: string): KeptSocket | undefined {
  return kept.find((socket) => socket.port === port && socket.host === host);
}

export function keptSockets(): readonly KeptSocket[] {
  return kept;
}

/** As on a port where nobody listens: from now on what connects is reset, until an app is served there. */
export function turnAway(socket: KeptSocket): Server {
  log(`no app is registered on port ${socket.port}, whose socket ${socket.name} keeps open: whoever connects is turned away until one is`);
  const nobody = createServer((connection) => connection.resetAndDestroy());
  // Such as no file descriptor left for the next connection.
  nobody.on('error', () => undefined);
  nobody.listen(socket.holder, KEPT_BACKLOG);
  socket.holder = nobody;
  return nobody;
}

/** The server is done with it. */
export function release(socket: KeptSocket, server: Server): void {
  if (socket.holder === server && server.listening) turnAway(socket);
}

function isUntouched({ holder }: KeptSocket): boolean {
  return holder !== null && !(holder instanceof Server);
}

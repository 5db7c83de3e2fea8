import { once } from 'node:events';
import { unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';

/** Owner and group may connect to a socket file, others may not. */
const SOCKET_UMASK = 0o117;
/** What the kernel takes; a longer path would be cut short by some of its callers. */
const MAX_SOCKET_PATH_BYTES = 107;

export type InternalAddress = { socket: string } | { port: number };

/** Where Greenroom wants the internal listener: `INTERNAL_SOCKET` before `INTERNAL_PORT`; null when it named neither. Throws on an unusable one. */
export function internalAddress(env: NodeJS.ProcessEnv): InternalAddress | null {
  const { INTERNAL_SOCKET: socket, INTERNAL_PORT: port } = env;
  if (socket) {
    if (!socket.startsWith('/') || Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
      throw new Error(
        `INTERNAL_SOCKET is ${JSON.stringify(socket)}: it must be an absolute path of at most ${MAX_SOCKET_PATH_BYTES} bytes.`,
      );
    }
    return { socket };
  }
  return port ? { port: portOf('INTERNAL_PORT', port) } : null;
}

/** A port from the environment. */
export function portOf(name: string, value: string): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  throw new Error(`${name} is ${JSON.stringify(value)}: it must be a port number from 0 to 65535.`);
}

/** Listens on 127.0.0.1, or on a socket file that only its owner and group can use. A socket file that nobody listens on any more is replaced. */
export async function listenInternally(server: Server, address: InternalAddress): Promise<void> {
  if ('port' in address) return listen(server, () => server.listen(address.port, '127.0.0.1'));
  const { socket } = address;
  const open = (): Promise<void> => listen(server, () => withUmask(() => server.listen(socket)));
  try {
    await open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await answers(socket))) throw error;
    await unlink(socket);
    await open();
  }
}

async function listen(server: Server, start: () => void): Promise<void> {
  start();
  await once(server, 'listening');
}

/** The file is made while `listen` is called, so the umask of the process is another one for no longer than that. */
function withUmask(work: () => void): void {
  const before = process.umask(SOCKET_UMASK);
  try {
    work();
  } finally {
    process.umask(before);
  }
}

function answers(socket: string): Promise<boolean> {
  const probe = connect(socket);
  return new Promise((resolve) => {
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((open) => {
    probe.destroy();
    return open as boolean;
  });
}

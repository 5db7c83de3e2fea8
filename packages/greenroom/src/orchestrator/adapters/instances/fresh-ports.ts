import { randomInt } from 'node:crypto';
import { createServer, type ListenOptions, type Server } from 'node:net';

/** Below the kernel's range for outgoing connections, which would otherwise take a port between our look and the app's listen. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_767;
const COUNT = LAST_PORT - FIRST_PORT + 1;
const HOSTS = ['127.0.0.1', '0.0.0.0', '::'];

/** A port that is ours until it is released, or this process ends. */
export interface ClaimedPort {
  port: number;
  release: () => void;
}

/**
 * Finds a port nobody listens on, on any address, that is not `reserved` nor claimed by another orchestrator, whose app may be about to listen. The
 * claim is an abstract Unix socket of the port's number: like ports it belongs to the network namespace, and it ends with its process.
 */
export async function claimPort(reserved: Iterable<number>): Promise<ClaimedPort> {
  const taken = new Set(reserved);
  const start = randomInt(COUNT);
  for (let offset = 0; offset < COUNT; offset++) {
    const port = FIRST_PORT + ((start + offset) % COUNT);
    if (taken.has(port)) continue;
    const claim = await tryListen({ path: `\0greenroom-port-${port}` });
    if (!('server' in claim)) continue;
    const release = (): void => void claim.server.close();
    claim.server.unref();
    if (await isFree(port)) return { port, release };
    release();
  }
  throw new Error(`no port between ${FIRST_PORT} and ${LAST_PORT} is free`);
}

async function isFree(port: number): Promise<boolean> {
  for (const host of HOSTS) {
    const listening = await tryListen({ port, host, exclusive: true, ipv6Only: true });
    if ('server' in listening) await new Promise((resolve) => listening.server.close(resolve));
    // A machine without IPv6 refuses "::" by another code: that is no reason against the port.
    else if (listening.code === 'EADDRINUSE' || listening.code === 'EACCES') return false;
  }
  return true;
}

function tryListen(options: ListenOptions): Promise<{ server: Server } | { code: string | undefined }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve({ code }));
    server.listen(options, () => resolve({ server }));
  });
}

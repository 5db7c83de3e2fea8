import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the kernel's range for outgoing connections, which would otherwise take a port between our look and the app's listen. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_767;
/** A port handed out is not handed out again so soon: its app may not listen yet. */
const REMEMBER_MS = 120_000;
const TRIES = 200;
const HOSTS = ['127.0.0.1', '0.0.0.0', '::'];

/** Answers a function that finds a port nobody listens on, on any address, and that is not `reserved` nor handed out lately. */
export function createPortPicker(reserved: () => Iterable<number>): () => Promise<number> {
  const handedOut = new Map<number, number>();
  return async () => {
    const now = performance.now();
    for (const [port, at] of handedOut) if (now - at > REMEMBER_MS) handedOut.delete(port);
    const taken = new Set(reserved());
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const port = randomInt(FIRST_PORT, LAST_PORT + 1);
      if (taken.has(port) || handedOut.has(port)) continue;
      handedOut.set(port, now);
      if (await isFree(port)) return port;
    }
    throw new Error(`no free port found between ${FIRST_PORT} and ${LAST_PORT} in ${TRIES} tries`);
  };
}

async function isFree(port: number): Promise<boolean> {
  for (const host of HOSTS) if (!(await canListen(port, host))) return false;
  return true;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // A machine without IPv6 refuses "::" by another code than EADDRINUSE: that is no reason against the port.
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE' && error.code !== 'EACCES'));
    server.listen({ port, host, exclusive: true, ipv6Only: true }, () => server.close(() => resolve(true)));
  });
}

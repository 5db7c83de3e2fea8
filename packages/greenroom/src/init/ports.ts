import { createServer } from 'node:net';

const LAST_PORT = 65_535;

/** The first port from `first` on that nothing listens on now and that is not among `taken`. */
export async function freePort(first: number, taken: readonly number[]): Promise<number> {
  for (let port = first; port <= LAST_PORT; port++) {
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
  return first;
}

/** Binds as the proxy will: on all interfaces, and on loopback, where another program may listen alone. */
async function isFree(port: number): Promise<boolean> {
  return (await binds(port)) && (await binds(port, '127.0.0.1'));
}

function binds(port: number, host?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => server.close(() => resolve(true)));
  });
}

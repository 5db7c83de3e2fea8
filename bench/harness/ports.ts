import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below the range that outgoing connections are given ports from, and below the one that Greenroom takes instances' ports from. */
const FIRST_PORT = 10_000;
const PORTS = 4_000;

/**
 * Different TCP ports that were free a moment ago, at random: ports that the system itself hands out would soon be somebody's outgoing connection. Held open together
 * while they are looked for, so that none comes twice.
 */
export async function freePorts<const N extends number>(count: N): Promise<number[] & { length: N }> {
  const servers: Server[] = [];
  while (servers.length < count) {
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(FIRST_PORT + randomInt(PORTS), () => resolve(true));
    });
    if (free) servers.push(server);
  }
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a listening server without a port');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports as number[] & { length: N };
}

/** The wanted port when it is free on all interfaces, else another one. */
export async function portNear(wanted: number): Promise<number> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(wanted, () => resolve(true));
  });
  if (!free) return (await freePorts(1))[0] ?? wanted;
  await new Promise((resolve) => server.close(resolve));
  return wanted;
}

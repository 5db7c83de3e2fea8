import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Ports of the suite's own choice: apart from 20000 to 32767, where orchestrators may look for those of instances, and from the kernel's for outgoing connections. */
const WORLD_PORTS = { first: 10_000, last: 20_000 };

/** What this process has claimed, held until it ends. */
const claims: Server[] = [];

/**
 * A port that nothing listens on and that no other process was given: the claim is an abstract Unix socket of the port's number, which, as ports
 * do, belongs to the network namespace, and which the kernel takes back when the process ends.
 */
export async function freePort({ first, last } = WORLD_PORTS): Promise<number> {
  for (;;) {
    const port = first + randomInt(last - first);
    const claim = await listening(`\0greenroom-port-${port}`);
    if (!claim) continue;
    claims.push(claim.unref());
    if (await canListen(port)) return port;
  }
}

export async function freePorts<const N extends number>(count: N): Promise<number[] & { length: N }> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports as number[] & { length: N };
}

/** Whether the port can be taken on all interfaces now. */
export async function canListen(port: number): Promise<boolean> {
  const server = await listening(port);
  if (!server) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

function listening(at: string | number): Promise<Server | undefined> {
  const { promise, resolve } = Promise.withResolvers<Server | undefined>();
  const server = createServer();
  server.once('error', () => resolve(undefined));
  server.listen(at, () => resolve(server));
  return promise;
}

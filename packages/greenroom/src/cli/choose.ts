import { createServer } from 'node:net';
import { DEFAULT_API_PORT } from '@greenroom/sdk/wire';
import { portsOf } from '../orchestrator/core/contract-addresses.ts';
import { exists, listApps } from '../registry/index.ts';

const LAST_API_PORT = DEFAULT_API_PORT + 899;

/** The first port from 9100 on that no registered app has for anything and that nothing listens on. */
export async function freeApiPort(home: string): Promise<number> {
  const taken = new Set(await takenPorts(home));
  for (let candidate = DEFAULT_API_PORT; candidate <= LAST_API_PORT; candidate++) {
    if (!taken.has(candidate) && (await listenProblem(candidate, '127.0.0.1')) === '') return candidate;
  }
  return DEFAULT_API_PORT;
}

/** Ports that the machine's apps have for anything, whether they run now or not. Contracts that cannot be read have none. */
export async function takenPorts(home: string): Promise<number[]> {
  const { readContract } = await import('../orchestrator/adapters/contract-file.ts');
  const { apps } = await listApps(home);
  const found = await Promise.all(
    apps.map(async ({ contract, api_port, last }) => {
      const read = await readContract(contract);
      const written = read.ok ? portsOf(read.contract) : undefined;
      return [written, last].flatMap((it) => (it ? [it.port, it.internal_port, ...it.route_ports] : [])).concat(api_port);
    }),
  );
  return found.flat().filter((port) => port !== undefined);
}

/** A name for an app made from the name of a folder. */
export function slug(name: string): string {
  const made = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return made || 'app';
}

/** The name itself, or with a number behind it when an app with another data directory has it. */
export async function freeName(home: string, wanted: string, data: string): Promise<string> {
  const { apps } = await listApps(home);
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    const holder = apps.find((app) => app.name === name);
    // An entry whose data is gone belongs to nobody any more.
    if (!holder || holder.data === data || !(await exists(holder.data))) return name;
  }
}

/** Why nothing could listen there now (`EADDRINUSE`, `EACCES`); empty when it could. */
export async function listenProblem(port: number, host: string): Promise<string> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ port, host, exclusive: true }, resolve));
    return '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

import { layoutOf } from '../orchestrator/layout.ts';
import { isAlive } from '../proc.ts';
import { listApps, type RegisteredApp } from './index.ts';
import { staleness } from './observe.ts';
import { runningOrchestrator } from './running.ts';

/** The ports of one app, and what it is called. */
export interface PortClaims {
  name: string;
  data: string;
  /** 0 for none. */
  api_port: number;
  port?: number;
  internal_port?: number;
  /** May be shared with other apps' routes. */
  route_ports: readonly number[];
}

export interface PortConflicts {
  /** A sentence for each port that an app which runs now has: both cannot run. */
  now: string[];
  /** The same of apps that do not run. */
  later: string[];
}

/** Ports that other apps of the machine have too, each with both parties' names. Entries without data claim nothing. */
export async function findPortConflicts(home: string, mine: PortClaims): Promise<PortConflicts> {
  const found: PortConflicts = { now: [], later: [] };
  const { apps } = await listApps(home);
  for (const other of apps) {
    if (other.data === mine.data || (await staleness(other))) continue;
    const shared = sharedPorts(mine, claimsOf(other));
    if (shared.length === 0) continue;
    const runs = await isRunning(other);
    for (const { port, use, otherUse } of shared) {
      const parties = `Port ${port} is wanted by "${mine.name}" (${use}) and by "${other.name}" (${otherUse})`;
      if (runs) found.now.push(`${parties}, which is running: choose another port for one of them.`);
      else found.later.push(`${parties}, which is not running now: only one of them can run, until one gets another port.`);
    }
  }
  return found;
}

/** Name of the app, other than that of the data directory, which runs and has the port; undefined when there is none. */
export async function runningAppOn(port: number, home: string, data: string): Promise<string | undefined> {
  const { apps } = await listApps(home);
  for (const other of apps) {
    if (other.data === data || !uses(claimsOf(other)).some((use) => use.port === port)) continue;
    if (!(await staleness(other)) && (await isRunning(other))) return other.name;
  }
  return undefined;
}

interface SharedPort {
  port: number;
  use: string;
  otherUse: string;
}

/** Ports that both want and cannot share. Two apps may share a port for their routes: host and path tell them apart. */
export function sharedPorts(mine: PortClaims, theirs: PortClaims): SharedPort[] {
  const others = uses(theirs);
  return uses(mine).flatMap(({ port, use, exclusive }) => {
    const other = others.find((candidate) => candidate.port === port && (exclusive || candidate.exclusive));
    return other ? [{ port, use, otherUse: other.use }] : [];
  });
}

function uses({ api_port, port, internal_port, route_ports }: PortClaims): { port: number; use: string; exclusive: boolean }[] {
  const found = api_port === 0 ? [] : [{ port: api_port, use: 'its API, --port', exclusive: true }];
  if (port !== undefined) found.push({ port, use: '"port" in its contract', exclusive: true });
  if (internal_port !== undefined) found.push({ port: internal_port, use: '"internal_port" in its contract', exclusive: true });
  for (const each of route_ports) found.push({ port: each, use: 'a route in its contract', exclusive: false });
  return found;
}

function claimsOf({ name, data, api_port, last }: RegisteredApp): PortClaims {
  if (!last) return { name, data, api_port, route_ports: [] };
  const { port, internal_port, route_ports } = last;
  return { name, data, api_port, port, ...(internal_port === undefined ? {} : { internal_port }), route_ports };
}

async function isRunning({ data, last }: RegisteredApp): Promise<boolean> {
  return (await runningOrchestrator(layoutOf(data))) !== undefined || (last?.orchestrator ? isAlive(last.orchestrator) : false);
}

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ProcessIdentity } from '../proc.ts';

/** One app of this machine, as `<home>/registry/<name>.json` has it. */
export interface RegisteredApp {
  name: string;
  /** Data directory, absolute. */
  data: string;
  /** Absolute path or URL of the repository that is deployed. */
  repo: string;
  /** Path of the operator's contract, absolute. */
  contract: string;
  /** 0 when its API is served over sockets only. */
  api_port: number;
  /** What its orchestrator wrote last; absent until the first start. */
  last?: LastKnown;
}

/**
 * `starting`: on its way up. `live`: a release serves and its probe holds; `unhealthy`: one should, but does not; `idle`: nothing is deployed.
 * `stopped`: ended in order, the app with it; `detached`: ended in order, the app left running.
 */
export type LastState = 'starting' | 'live' | 'unhealthy' | 'idle' | 'stopped' | 'detached';

/** The last word of an app's orchestrator. While that runs, ask it instead. */
export interface LastKnown {
  state: LastState;
  /** Full id; empty when nothing is live. */
  live_commit: string;
  /** Since when it has been like this, RFC 3339. */
  time: string;
  /** Why the last start failed, as a sentence; empty when it did not. */
  problem: string;
  /** Null when it ended in order: then it has not crashed. */
  orchestrator: ProcessIdentity | null;
  operator_socket: string;
  /** The app's stable ports, from its contract. */
  port: number;
  internal_port?: number;
  /** Ports of its routes, which it shares with other apps. */
  route_ports: number[];
  /** Where visitors reach the app, as URLs. */
  addresses: string[];
  /** Version of Greenroom. */
  version: string;
}

export const APP_NAME: RegExp = /^[a-z0-9][a-z0-9-]*$/;

/** An entry is about 1 KB; what is much larger is none. */
const MAX_ENTRY_BYTES = 64 * 1024;
const LAST_STATES: ReadonlySet<unknown> = new Set<LastState>(['starting', 'live', 'unhealthy', 'idle', 'stopped', 'detached']);

/** The entry, or a phrase that says what is wrong with it. A `last` that cannot be understood is left out: the rest is what matters. */
export async function readEntry(file: string): Promise<RegisteredApp | string> {
  try {
    const text = await readSmallFile(file);
    return typeof text === 'string' ? parseEntry(JSON.parse(text)) : text.problem;
  } catch (error) {
    return error instanceof SyntaxError ? 'it is not valid JSON' : `it cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
}

function parseEntry(value: unknown): RegisteredApp | string {
  if (!isObject(value)) return 'it is not an object';
  const { name, data, repo, contract, api_port, last } = value;
  if (typeof name !== 'string' || !APP_NAME.test(name)) return '"name" is missing or not a name';
  if (typeof data !== 'string' || !data.startsWith('/')) return '"data" is missing or not an absolute path';
  if (typeof repo !== 'string') return '"repo" is missing';
  if (typeof contract !== 'string') return '"contract" is missing';
  if (!isInteger(api_port)) return '"api_port" is missing or not a number';
  const known = parseLast(last);
  return { name, data, repo, contract, api_port, ...(known ? { last: known } : {}) };
}

function parseLast(value: unknown): LastKnown | undefined {
  if (!isObject(value)) return undefined;
  const { state, live_commit, time, problem, orchestrator, operator_socket, port, internal_port, route_ports, addresses, version } = value;
  if (!LAST_STATES.has(state) || !isInteger(port)) return undefined;
  if (internal_port !== undefined && !isInteger(internal_port)) return undefined;
  const texts = [live_commit, time, problem, operator_socket, version];
  if (!areStrings(texts) || !Array.isArray(addresses) || !areStrings(addresses)) return undefined;
  if (!Array.isArray(route_ports) || !route_ports.every(isInteger)) return undefined;
  const process = orchestrator === null ? null : parseIdentity(orchestrator);
  if (process === undefined) return undefined;
  const [commit = '', since = '', why = '', socket = '', by = ''] = texts;
  return {
    state: state as LastState,
    live_commit: commit,
    time: since,
    problem: why,
    orchestrator: process,
    operator_socket: socket,
    port,
    ...(internal_port === undefined ? {} : { internal_port }),
    route_ports,
    addresses,
    version: by,
  };
}

function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (!isObject(value)) return undefined;
  const { pid, start_ticks, boot_id } = value;
  if (!isInteger(pid) || !isInteger(start_ticks) || typeof boot_id !== 'string') return undefined;
  return { pid, start_ticks, boot_id };
}

/** Never waits: a pipe or a device in the place of an entry is none. */
async function readSmallFile(file: string): Promise<string | { problem: string }> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const stat = await handle.stat();
  if (!stat.isFile()) return { problem: 'it is not a file' };
  if (stat.size > MAX_ENTRY_BYTES) return { problem: `it is larger than ${MAX_ENTRY_BYTES} bytes` };
  return await handle.readFile('utf8');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

function areStrings(values: unknown[]): values is string[] {
  return values.every((value) => typeof value === 'string');
}

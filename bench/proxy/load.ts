import type { Case } from './cases.ts';
import { pathOf } from './probe.ts';
import { type Program, programFile, type Run, startProgram } from './program.ts';

/** What one run of the clients saw. */
export interface LoadResult {
  requests: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Connections and requests that broke, answers other than 2xx and 3xx, and answers that did not come in time. Nothing is tried again. */
  errors: number;
}

const ANSWER_LIMIT = '30s';
/** Over the wanted time: for starting, and for a program that does not end. */
const EXTRA_MS = 10_000;

interface Load {
  port: number;
  seconds: number;
  cores: readonly number[];
}

/** Sends a case's requests to a port for some whole seconds, as wrk knows no others. Rejects when the client itself fails. */
export async function applyLoad(run: Run, each: Case, load: Load): Promise<LoadResult> {
  const client = startClient(run, each, load);
  await endAfter(client, load.seconds * 1_000 + EXTRA_MS);
  const result = /^RESULT (.*)$/m.exec(client.said())?.[1];
  if (result === undefined) throw new Error(`the client gave no result: ${client.said()}`);
  return read(result);
}

/** The same without a result: until then code is compiled and connections to the target are opened. The seconds may be a fraction. */
export async function warmUp(run: Run, each: Case, { seconds, ...load }: Load): Promise<void> {
  const client = startClient(run, each, { ...load, seconds: Math.ceil(seconds) + 1 });
  await endAfter(client, seconds * 1_000);
}

async function endAfter(client: Program, milliseconds: number): Promise<void> {
  const timer = setTimeout(() => void client.stop(), milliseconds);
  await client.exited;
  clearTimeout(timer);
}

function startClient(run: Run, each: Case, { port, seconds, cores }: Load): Program {
  const [command, env] = each.kind === 'echo' ? echoCommand(each, port, seconds) : wrkCommand(each, port, seconds, cores.length);
  return startProgram(run, command, { cores, env });
}

type Command = [command: readonly string[], env: Record<string, string>];

function wrkCommand(each: Case, port: number, seconds: number, coreCount: number): Command {
  const threads = Math.min(Math.max(1, coreCount), each.connections);
  const options = ['--threads', threads, '--connections', each.connections, '--duration', `${seconds}s`, '--timeout', ANSWER_LIMIT];
  const url = `http://127.0.0.1:${port}${pathOf(each)}`;
  return [
    ['wrk', ...options.map(String), '--script', programFile('wrk.lua'), url],
    {
      BENCH_BODY_BYTES: each.kind === 'post' ? String(each.bytes) : '0',
      BENCH_NEW_CONNECTIONS: each.newConnections ? '1' : '0',
    },
  ];
}

function echoCommand(each: Case, port: number, seconds: number): Command {
  const args = [port, each.connections, seconds, each.bytes].map(String);
  return [[process.execPath, programFile('echo-client.ts'), ...args], {}];
}

/** What wrk.lua and echo-client.ts print. */
interface Printed {
  requests: number;
  duration_us: number;
  p50_us: number;
  p99_us: number;
  errors: Record<string, number>;
}

function read(json: string): LoadResult {
  const { requests, duration_us, p50_us, p99_us, errors } = JSON.parse(json) as Printed;
  return {
    requests,
    requestsPerSecond: requests / (duration_us / 1_000_000),
    p50Ms: p50_us / 1_000,
    p99Ms: p99_us / 1_000,
    errors: Object.values(errors).reduce((sum, count) => sum + count, 0),
  };
}

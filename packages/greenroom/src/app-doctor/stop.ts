import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listensOn } from '../orchestrator/adapters/probe/listeners.ts';
import type { Instance, InstanceExit } from '../orchestrator/ports.ts';
import { isRunning, processTable, readCommandLine, readProcessorWaitMs } from '../proc.ts';
import { type AppFinding, fine } from './finding.ts';
import type { Staged } from './stage.ts';
import { beginRequest, type UnderWay } from './under-way.ts';

/** A path whose answers take this long is asked whole: the signal surely comes while it is being answered. */
export const SLOW_MS = 100;
/** How long the app gets to read what was sent, and to act on the signal, before the next move. */
const STEP_MS = 60;
/** A kept connection that is idle for so long after the last answer holds the app up. */
const IDLE_MS = 1_000;

/** The path to ask while the app is told to stop, and how long its answers take. */
export interface SlowPath {
  path: string;
  ms: number;
}

/** Tells the app to stop while it has a request under way, as a deploy does at the end of its drain time, and looks at what becomes of it. */
export async function checkStop(staged: Staged, { path, ms }: SlowPath, drainMs: number, signal: AbortSignal): Promise<AppFinding[]> {
  const { instances, instance, host } = staged;
  const half = ms < SLOW_MS;
  const ended = new Promise<InstanceExit>(
    (resolve) => void instances.onExit((exit) => exit.instance === instance.instance && resolve(exit)),
  );
  const request = await beginRequest(host, instance.port, path, half);
  await sleep(half ? STEP_MS : Math.min(ms / 3, STEP_MS), undefined, { signal });
  const server = describeServer(instance.pid, instance.port);
  const commands = commandLines();
  const start = performance.now();
  try {
    process.kill(-instance.pid, 'SIGTERM');
    await sleep(STEP_MS, undefined, { signal });
    request.finish();
    const { exit, answer, held } = await watch(request, ended, instance, drainMs, signal);
    const tookMs = Math.round(performance.now() - start);
    if (!exit) await instances.stop(instance.instance, 0);
    const seen = { path, half, server, tookMs, drainMs, exit, answer };
    const survivors = (exit?.outlived ?? []).map((pid) => `process ${pid}: ${commands.get(pid) ?? 'unknown'}`);
    return [judgeStop(seen), judgeIdle(held, exit), judgeOrphans(survivors, exit)].filter((finding) => finding !== undefined);
  } finally {
    request.end();
  }
}

interface Watched {
  /** Undefined when it still ran at the end of the drain time. */
  exit: InstanceExit | undefined;
  answer: number | string;
  /** An idle connection kept the app from ending, until the doctor closed it. */
  held: boolean;
}

async function watch(
  request: UnderWay,
  ended: Promise<InstanceExit>,
  { pid }: Instance,
  drainMs: number,
  signal: AbortSignal,
): Promise<Watched> {
  const waited = (): number => readProcessorWaitMs(pid) + readProcessorWaitMs(process.pid);
  const deadline = performance.now() + drainMs;
  const within = async <T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> => {
    const timer = new AbortController();
    const wait = Math.max(1, Math.min(limitMs, deadline - performance.now()));
    const late = sleep(wait, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => undefined);
    const first = await Promise.race([promise, late]);
    timer.abort();
    signal.throwIfAborted();
    return first ?? undefined;
  };
  const answer = (await within(request.answered, drainMs)) ?? 'no answer came';
  // On a busy machine the way to the exit alone may take longer: what the app waited for a processor does not count.
  for (
    const since = performance.now() - waited();
    performance.now() < deadline - drainMs / 3 && performance.now() - waited() - since < IDLE_MS;
  ) {
    const soon = await within(ended, IDLE_MS / 4);
    if (soon) return { exit: soon, answer, held: false };
  }
  const idle = typeof answer === 'number' && !request.isClosed();
  request.end();
  const exit = await within(ended, drainMs);
  return { exit, answer, held: idle && exit !== undefined };
}

interface Seen extends Pick<Watched, 'exit' | 'answer'> {
  path: string;
  half: boolean;
  server: Server;
  tookMs: number;
  drainMs: number;
}

const STOP_REMEDY =
  'On SIGTERM stop listening, finish the requests under way, close idle connections, then exit, as serveExpress, serveHttp and their like of @greenroom/sdk/app do';

function judgeStop({ path, half, server, tookMs, drainMs, exit, answer }: Seen): AppFinding {
  const check = 'stop';
  if (!exit) {
    const says = `the app still ran ${drainMs} ms after SIGTERM and had to be killed`;
    return { check, level: 'fail', says, remedy: `${STOP_REMEDY}; "drain_timeout_ms" of the contract says how long that may take.` };
  }
  const end = `the app ${exit.exit.description} ${tookMs} ms after SIGTERM`;
  if (typeof answer === 'number') {
    if (exit.exit.code !== null && exit.exit.code !== 0 && exit.exit.code !== 143) {
      return { check, level: 'warn', says: end, evidence: exit.logTail.slice(-5), remedy: `${STOP_REMEDY}; the exit code is 0.` };
    }
    return fine(check, `finished the request under way; ${end}`);
  }
  const evidence = [`GET ${path}${half ? ', of which the last line of the head came after SIGTERM' : ''}: ${answer}`, end];
  // A server that takes the head only as a whole may drop a half one with good reason: only of Node, and without any handler, is it certain.
  if (!half || server.node || !server.handles)
    return { check, level: 'fail', says: 'a request under way is cut when the app is told to stop', evidence, remedy: `${STOP_REMEDY}.` };
  const remedy = 'Name a path whose answer takes a moment (--path /report) to see whether a whole request is finished.';
  return {
    check,
    level: 'warn',
    says: 'a request that was still being received was dropped when the app was told to stop',
    evidence,
    remedy,
  };
}

function judgeIdle(held: boolean, exit: InstanceExit | undefined): AppFinding | undefined {
  if (!exit) return undefined;
  if (!held) return fine('idle', 'idle connections do not keep the app from ending');
  return {
    check: 'idle',
    level: 'warn',
    says: `the app waits for connections that are idle: it ended only when the connection of the last request was closed, ${IDLE_MS} ms after its answer`,
    remedy:
      'While stopping, answer with "Connection: close", or close idle connections after each answer (server.closeIdleConnections() of node:http).',
  };
}

function judgeOrphans(survivors: readonly string[], exit: InstanceExit | undefined): AppFinding | undefined {
  if (!exit) return undefined;
  if (survivors.length === 0) return fine('orphans', 'nothing of the app ran on after its end');
  return {
    check: 'orphans',
    level: 'fail',
    says: `the app ended and left ${survivors.length} process(es) behind, which Greenroom then stopped`,
    evidence: [...survivors],
    remedy:
      'End child processes on SIGTERM and wait for them before the app exits ("close" of serveHttp and its like of @greenroom/sdk/app is the place); what shall outlive a deploy is a service of its own.',
  };
}

interface Server {
  node: boolean;
  /** Whether SIGTERM has a handler; a Node process always has one. */
  handles: boolean;
}

const SIGTERM_BIT = 1n << 14n;

/** Of the process that listens on the port: the leader, unless that is only what started it. */
function describeServer(leader: number, port: number): Server {
  const members = [...processTable().values()].filter((stat) => stat.session === leader && isRunning(stat));
  const pid = members.find((stat) => listensOn(stat.pid, port))?.pid ?? leader;
  try {
    const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return { node: basename(readlinkSync(`/proc/${pid}/exe`)).startsWith('node'), handles: (BigInt(`0x${caught}`) & SIGTERM_BIT) !== 0n };
  } catch (error) {
    // Gone already, or another user's: then nothing is certain about it.
    if (error instanceof Error && 'code' in error) return { node: false, handles: true };
    throw error;
  }
}

function commandLines(): Map<number, string> {
  return new Map([...processTable().keys()].map((pid) => [pid, readCommandLine(pid).join(' ').slice(0, 120)]));
}

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { ExitReason } from '@greenroom/sdk/wire';
import { confine, type Layer } from '../../confine/command.ts';
import { explainExit } from '../../confine/explain-exit.ts';
import type { Bounds, Limiter } from '../../confine/limiter.ts';
import { createFamily, endFamily, findMembers, observeFamily } from '../../family.ts';
import { readStat } from '../../proc.ts';
import { exitReason, unknownExit } from './instances/exit-reason.ts';
import { TAIL_BYTES, tailLines } from './instances/text.ts';

export interface CommandRequest {
  /** A line for `/bin/sh -c`: the operator's own. */
  command: string;
  cwd: string;
  /** The whole environment; one marker variable is added. */
  env: Record<string, string>;
  timeoutMs: number;
  signal: AbortSignal;
  /** Gets the output, up to 10 MB of it; replaced when it exists. */
  logFile?: string;
  /** What it is started within. */
  layers?: readonly Layer[];
  /** What it may use. */
  limiter?: Limiter;
  /** Watches something while the command runs: `stop` ends it. Answers a function that ends the watch. */
  guard?: (stop: () => void) => () => void;
}

export interface CommandResult {
  exit: ExitReason;
  timedOut: boolean;
  aborted: boolean;
  /** By its guard. */
  stopped: boolean;
  /** Last lines of output and error output as they came, oldest first. */
  tail: string[];
}

/** In the environment of everything that a command starts. */
export const MARKER = 'GREENROOM_COMMAND';
const MAX_LOG_BYTES = 10 * 1024 * 1024;
const KEPT_OUTPUT_BYTES = 8 * TAIL_BYTES;
/** A command that floods is slowed down once the log is full, so that reading it does not take the whole processor. */
const FLOOD_PAUSE_MS = 5;
/** With every writer gone the pipes close by themselves; this is for one that could not be ended. */
const CLOSE_PATIENCE_MS = 1_000;

/**
 * Runs an operator's command in a session of its own. When it ends, by itself, at the time limit or by the abort, all that it started is
 * killed too: a command leaves nothing behind. Never throws for what the command does.
 */
export async function runCommand(request: CommandRequest): Promise<CommandResult> {
  const { signal, limiter } = request;
  if (signal.aborted) return { ...notStarted('was not started'), aborted: true };
  const marker = randomUUID();
  const bounds = boundsFor(limiter, marker);
  if (typeof bounds === 'string') return notStarted(bounds);
  try {
    const result = await runBounded(request, marker, bounds);
    if (!limiter || !bounds || result.timedOut || result.aborted || result.stopped) return result;
    const { kind, limits } = limiter;
    return { ...result, exit: explainExit(result.exit, { limits, kind, findings: bounds.findings(), tail: result.tail }) };
  } finally {
    await bounds?.remove();
  }
}

/** Answers a clause when the system refuses to bound it: it does not run unbounded. */
function boundsFor(limiter: Limiter | undefined, id: string): Bounds | string | undefined {
  try {
    return limiter?.bounds(id);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    return `was not started, since its limits could not be set: ${error.message}`;
  }
}

/** Of a command that could not even begin; why is a clause. */
export function notStarted(description: string): CommandResult {
  return { exit: unknownExit(description), timedOut: false, aborted: false, stopped: false, tail: [] };
}

async function runBounded(request: CommandRequest, marker: string, bounds: Bounds | undefined): Promise<CommandResult> {
  const { command, cwd, env, timeoutMs, signal, logFile, layers = [], guard } = request;
  const { file, args } = confine({ file: '/bin/sh', args: ['-c', command] }, bounds?.around(layers) ?? layers);
  const child = spawn(file, args, {
    cwd,
    env: { ...env, [MARKER]: marker },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const failure = new Promise<ExitReason>((resolve) => {
    child.once('error', (error) => resolve(unknownExit(`could not be started in ${cwd}: ${error.message}`)));
  });
  const stat = child.pid === undefined ? undefined : readStat(child.pid);
  if (!stat) return { ...notStarted(''), exit: await failure };

  const output = collectOutput(child, logFile);
  const family = createFamily(stat.pid, stat.startTicks, `${MARKER}=${marker}`, undefined, bounds?.group);
  const unobserve = observeFamily(family);
  const exited = new Promise<ExitReason>((resolve) => {
    child.once('exit', (code, name) => resolve(exitReason(code, name)));
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const { promise: cut, resolve: cutShort } = Promise.withResolvers<'timeout' | 'abort' | 'memory' | 'guard'>();
  const timer = setTimeout(cutShort, timeoutMs, 'timeout');
  const onAbort = (): void => cutShort('abort');
  signal.addEventListener('abort', onAbort, { once: true });
  const unwatch = bounds?.watch(
    () => findMembers(family).map(({ pid }) => pid),
    () => cutShort('memory'),
  );
  const unguard = guard?.(() => cutShort('guard'));
  try {
    const first = await Promise.race([exited, cut]);
    const { left } = await endFamily(family, 0).done;
    const exit = left.includes(stat.pid) ? unknownExit('does not end even by SIGKILL') : await exited;
    await closeOutput(child, closed);
    const tail = tailLines(output.end());
    return { exit, timedOut: first === 'timeout', aborted: first === 'abort', stopped: first === 'guard', tail };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    unguard?.();
    unwatch?.();
    unobserve();
  }
}

async function closeOutput(child: ChildProcess, closed: Promise<void>): Promise<void> {
  const timer = setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, CLOSE_PATIENCE_MS);
  await closed;
  clearTimeout(timer);
}

/** Keeps the end of the output in memory and writes the beginning to the log. */
function collectOutput(child: ChildProcess, logFile: string | undefined): { end: () => Buffer } {
  const log = logFile === undefined ? undefined : openSync(logFile, 'w', 0o600);
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let total = 0;
  let refused = false;
  const keep = (part: Buffer | string): void => {
    if (log === undefined || refused) return;
    try {
      writeSync(log, typeof part === 'string' ? Buffer.from(part) : part);
    } catch {
      refused = true; // a full disk costs the log, not the command: the tail is kept in memory
    }
  };
  const take = (stream: Readable, chunk: Buffer): void => {
    kept.push(chunk);
    keptBytes += chunk.length;
    if (keptBytes > 2 * KEPT_OUTPUT_BYTES) {
      const end = Buffer.concat(kept).subarray(-KEPT_OUTPUT_BYTES);
      kept = [end];
      keptBytes = end.length;
    }
    if (total < MAX_LOG_BYTES) {
      keep(chunk.subarray(0, MAX_LOG_BYTES - total));
      if (total + chunk.length >= MAX_LOG_BYTES) keep('\n[the rest of the output is not kept]\n');
    }
    total += chunk.length;
    if (total >= MAX_LOG_BYTES) {
      stream.pause();
      setTimeout(() => stream.resume(), FLOOD_PAUSE_MS);
    }
  };
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => take(stream, chunk));
  return {
    end: () => {
      if (log !== undefined) closeSync(log);
      return Buffer.concat(kept).subarray(-KEPT_OUTPUT_BYTES);
    },
  };
}

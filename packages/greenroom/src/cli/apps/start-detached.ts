import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, createClient } from '@greenroom/sdk/client';
import { type Layout, layoutOf } from '../../orchestrator/layout.ts';
import type { RegisteredApp } from '../../registry/index.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { greenroomCommand } from '../own-command.ts';

export interface StartDetached {
  env: NodeJS.ProcessEnv;
  /** More flags for `greenroom start`. */
  flags: readonly string[];
  readyLimitMs?: number;
  /** Program and first words of the installation that is to run it; this command's own by default. */
  command?: readonly string[];
}

/** `pid`: the process that was not ready in time and goes on starting; null when none is left. */
export type Started = { ok: true; duration_ms: number } | { ok: false; error: string; pid: number | null };

/** A first start clones the repository, which takes its time. */
export const READY_LIMIT_MS = 120_000;

const LOOK_INTERVAL_MS = 25;
const LONGEST_LOG_BYTES = 8 * 1024 * 1024;
const LAST_WORDS_BYTES = 16 * 1024;
const LAST_WORDS_LINES = 6;
/** What the orchestrator says as a matter of course begins with the time; why it could not start does not. */
const ROUTINE = /^\d\d:\d\d:\d\d /;

/**
 * Starts the app's orchestrator in a session of its own, so that it outlives this command and its terminal, with its output in `orchestrator.log`. Answers
 * when it is ready or has said why not. One that takes too long is left at it.
 */
export async function startDetached(
  { name, data }: RegisteredApp,
  { env, flags, readyLimitMs = READY_LIMIT_MS, command = greenroomCommand() }: StartDetached,
): Promise<Started> {
  const layout = layoutOf(data);
  await rotate(layout.orchestratorLog);
  await mkdir(data, { recursive: true });
  await using log = await open(layout.orchestratorLog, 'a', 0o600);
  const { size } = await log.stat();
  const began = performance.now();
  const [program = process.execPath, ...first] = command;
  const child = spawn(program, [...first, 'start', '--app', name, ...flags], {
    cwd: data,
    env,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  const ended = once(child, 'exit').catch((error: Error) => error);
  const ready = await untilReady(layout, child, performance.now() + readyLimitMs);
  child.unref();
  if (ready === 'ready') return { ok: true, duration_ms: Math.round(performance.now() - began) };
  if (ready === 'ended') {
    const failure = await ended;
    const why = failure instanceof Error ? failure.message : await lastWords(layout.orchestratorLog, size);
    return { ok: false, error: why || `it ended with ${child.signalCode ?? `exit code ${child.exitCode}`} and said nothing`, pid: null };
  }
  const error = `it is not ready after ${readyLimitMs / 1_000} s, and goes on starting (process ${child.pid})`;
  return { ok: false, error, pid: child.pid ?? null };
}

/** The API is listened for last, on its port if it has one; the pid file says whose it is. */
async function untilReady(layout: Layout, child: ChildProcess, deadline: number): Promise<'ready' | 'ended' | 'late'> {
  for (;;) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return 'ended';
    if (await answersReady(layout, child.pid)) return 'ready';
    if (performance.now() > deadline) return 'late';
    await sleep(LOOK_INTERVAL_MS);
  }
}

/** Whether the orchestrator with this pid is up and done with its start. */
export async function answersReady(layout: Pick<Layout, 'pidFile' | 'operatorSocket'>, pid: number): Promise<boolean> {
  const running = await runningOrchestrator(layout);
  if (running?.pid !== pid) return false;
  return await answers(running.api_port === 0 ? { socket: layout.operatorSocket } : { port: running.api_port });
}

async function answers(address: Address): Promise<boolean> {
  try {
    return await createClient(address).ready({ signal: AbortSignal.timeout(1_000) });
  } catch (error) {
    // Busy for longer than that: asked again.
    if (error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name)) return false;
    throw error;
  }
}

/** What was written since, without what is said as a matter of course, its last lines. */
async function lastWords(file: string, from: number): Promise<string> {
  await using handle = await open(file, 'r');
  const { size } = await handle.stat();
  const length = Math.min(size - from, LAST_WORDS_BYTES);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
  const telling = lines.filter((line) => line.trim() !== '' && !ROUTINE.test(line)).map((line) => line.replace(/^(?:✗| ) /, ''));
  return telling.slice(-LAST_WORDS_LINES).join('\n');
}

/** Only here, while nobody writes: two parts of bounded size are kept. */
async function rotate(file: string): Promise<void> {
  const found = await stat(file).catch(() => null);
  if (found && found.size > LONGEST_LOG_BYTES) await rename(file, `${file}.1`);
}

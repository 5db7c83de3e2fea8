import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { killMarked } from '../git/processes.ts';

const LOG_TAIL_LINES = 40;
const LOG_TAIL_BYTES = 8 * 1024;
/** Variable in the environment of everything that a setup command starts; its value is the slot's folder. */
export const SETUP_MARKER = 'GREENROOM_SETUP';

interface CommandRequest {
  command: string;
  directory: string;
  env: Record<string, string>;
  logFile: string;
  timeoutMs: number;
  signal: AbortSignal;
}

interface CommandOutcome {
  end: 'exited' | 'aborted' | 'timeout' | 'not_started';
  code: number | null;
  signal: string | null;
  tail: string[];
}

/**
 * Runs an operator's command in a slot, its output in a file. When this answers nothing of it runs any more, descendants in sessions of
 * their own included, however it ended.
 */
export async function runCommand(request: CommandRequest): Promise<CommandOutcome> {
  const { command, directory, env, signal } = request;
  const log = await open(request.logFile, 'a', 0o640);
  try {
    await log.write(`$ ${command}\n`);
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: directory,
      env: { ...env, [SETUP_MARKER]: directory },
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const outcome = await ended(child, request.timeoutMs, signal);
    killGroup(child.pid);
    await killMarked(SETUP_MARKER, directory);
    return { ...outcome, tail: await tailOf(request.logFile) };
  } finally {
    await log.close();
  }
}

function ended(child: ChildProcess, timeoutMs: number, signal: AbortSignal): Promise<Omit<CommandOutcome, 'tail'>> {
  return new Promise((resolve) => {
    let end: CommandOutcome['end'] = 'exited';
    const stop = (reason: CommandOutcome['end']): void => {
      if (end === 'exited') end = reason;
      killGroup(child.pid);
    };
    const onAbort = (): void => stop('aborted');
    const timer = setTimeout(() => stop('timeout'), timeoutMs);
    const settle = (outcome: Omit<CommandOutcome, 'tail'>): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    child.once('error', () => settle({ end: 'not_started', code: null, signal: null }));
    child.once('exit', (code, name) => settle({ end, code, signal: name }));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function tailOf(file: string): Promise<string[]> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
    if (size > length) lines.shift();
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-LOG_TAIL_LINES);
  } finally {
    await handle.close();
  }
}

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pinned } from './cores.ts';
import { familyOf } from './usage.ts';

const STOP_LIMIT_MS = 3_000;
const KEPT_OUTPUT_CHARS = 8_000;

/** What belongs to one run of the bench. */
export interface Run {
  /** A folder of its own: every program works in it, which is how left-over ones are found. */
  root: string;
  /** Nothing more is started once it is aborted. */
  signal: AbortSignal;
}

export interface Program {
  pid: number;
  /** Settles when it has ended. */
  exited: Promise<void>;
  hasEnded(): boolean;
  /** The end of what it wrote to both outputs. */
  said(): string;
  /** SIGTERM, and SIGKILL to it and its children when that does not end it in time. */
  stop(): Promise<void>;
}

/** Starts a program on the given cores. That it does not run shows in `hasEnded` and `said`. */
export function startProgram(
  { root, signal }: Run,
  command: readonly string[],
  { cores, env = {} }: { cores: readonly number[]; env?: Record<string, string> },
): Program {
  signal.throwIfAborted();
  const [file = '', ...args] = pinned(command, cores);
  const child = spawn(file, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true;
      resolve();
    };
    child.on('error', (error) => {
      said += error.message;
      end();
    });
    child.on('close', end);
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-KEPT_OUTPUT_CHARS);
    });
  }
  return {
    pid: child.pid ?? 0,
    exited,
    hasEnded: () => ended,
    said: () => said.trim(),
    async stop() {
      if (ended) return;
      const timer = setTimeout(() => killFamily(child.pid ?? 0), STOP_LIMIT_MS);
      child.kill('SIGTERM');
      await exited;
      clearTimeout(timer);
    },
  };
}

/** kill -9 of a process and all that descend from it. */
export function killFamily(root: number): void {
  for (const pid of familyOf(root)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Path of one of the bench's own programs, which run in processes of their own. */
export const programFile = (name: string): string => join(import.meta.dirname, 'programs', name);

/** Whether a program of this name is on the PATH. */
export function isInstalled(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
      return false;
    }
  });
}

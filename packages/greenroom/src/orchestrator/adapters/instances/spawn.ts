import { spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import type { ExitReason } from '@greenroom/sdk/wire';
import { confine, type Layer } from '../../../confine/command.ts';
import { type ProcessStat, readStat } from '../../../proc.ts';
import { exitReason } from './exit-reason.ts';
import { openLog } from './log-file.ts';
import type { StartCommand } from './start-command.ts';

export interface Spawned {
  stat: ProcessStat;
  exited: Promise<ExitReason>;
}

export interface SpawnRequest {
  command: StartCommand;
  directory: string;
  env: Record<string, string>;
  logFile: string;
  /** What it is started within; it keeps its pid in each. */
  layers?: readonly Layer[];
}

/**
 * Starts a process in a session of its own that outlives this one: its output goes straight to the log file, its input is /dev/null.
 * Answers a sentence when it could not be started.
 */
export async function spawnDetached({ command, directory, env, logFile, layers = [] }: SpawnRequest): Promise<Spawned | string> {
  // Within layers the first program is always found, and only the last one tells that the app's own is not.
  if (layers.length > 0 && !isFound(command.file, directory, env)) return explain(command, directory, { code: 'ENOENT' });
  const log = openLog(logFile);
  try {
    const { file, args } = confine(command, layers);
    const child = spawn(file, args, { cwd: directory, env, detached: true, stdio: ['ignore', log, log] });
    // A failed start is told by an event, and one without a listener is an exception.
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => {
      child.on('error', resolve);
    });
    if (child.pid === undefined) return explain(command, directory, await failed);
    child.unref();
    // Read before the event loop can reap it: even a process that has exited by now is still there, as a zombie.
    const stat = readStat(child.pid);
    if (!stat) throw new Error(`process ${child.pid} cannot be seen in /proc`);
    const exited = new Promise<ExitReason>((resolve) => {
      child.once('exit', (code, signal) => resolve(exitReason(code, signal)));
    });
    return { stat, exited };
  } finally {
    closeSync(log);
  }
}

function isFound(file: string, directory: string, env: Record<string, string>): boolean {
  const folders = file.includes('/') ? [''] : (env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(resolve(directory, folder, file)));
}

function explain(command: StartCommand, directory: string, failure: Pick<NodeJS.ErrnoException, 'code'> & { message?: string }): string {
  const begin = `The start command could not be run:`;
  if (!existsSync(directory)) return `${begin} the folder ${directory} does not exist.`;
  if (failure.code === 'ENOENT')
    return `${begin} "${command.file}" was not found, neither in ${directory} nor on PATH (the slot's node_modules/.bin and .venv/bin included).`;
  if (failure.code === 'EACCES') return `${begin} "${command.file}" is not executable. Run: chmod +x ${command.file}`;
  return `${begin} ${failure.message}`;
}

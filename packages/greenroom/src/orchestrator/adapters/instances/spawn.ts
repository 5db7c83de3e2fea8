import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { openLog } from './log-file.ts';
import { type ProcessStat, readStat } from './proc.ts';
import type { StartCommand } from './start-command.ts';

export interface SpawnRequest {
  command: StartCommand;
  directory: string;
  env: Record<string, string>;
  logFile: string;
}

/**
 * Starts a process in a session of its own that outlives this one: its output goes straight to the log file, its input is /dev/null.
 * Answers a sentence when it could not be started.
 */
export function spawnDetached({ command, directory, env, logFile }: SpawnRequest): { child: ChildProcess; stat: ProcessStat } | string {
  const log = openLog(logFile);
  try {
    const child = spawn(command.file, command.args, { cwd: directory, env, detached: true, stdio: ['ignore', log, log] });
    // A failed start is reported by an event as well as by the missing pid, and an event without a listener is an exception.
    let failure: NodeJS.ErrnoException | undefined;
    child.on('error', (error) => {
      failure = error;
    });
    child.unref();
    // Read before the event loop can reap it: even a process that has exited by now is still there, as a zombie.
    const stat = child.pid === undefined ? undefined : readStat(child.pid);
    if (stat) return { child, stat };
    return explain(command, directory, failure);
  } finally {
    closeSync(log);
  }
}

function explain(command: StartCommand, directory: string, failure: Error | undefined): string {
  if (failure) return `The start command could not be run: ${failure.message}`;
  if (!existsSync(directory)) return `The start command could not be run: the folder ${directory} does not exist.`;
  return `The start command could not be run: "${command.file}" was not found in ${directory} nor on PATH (the slot's node_modules/.bin and .venv/bin included), or it is not executable.`;
}

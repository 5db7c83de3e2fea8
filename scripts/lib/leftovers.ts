import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Environment variable that marks every process of a test run, except those that are started with an environment of their own. */
export const RUN_VARIABLE = 'GREENROOM_TEST_RUN';
/** Caches that programs put into the temporary folder for the next run; nobody's leftovers. */
const CACHES = ['node-compile-cache', 'jiti'];

export interface Run {
  id: string;
  /** The run's own temporary folder. */
  folder: string;
}

export interface RunProcess {
  pid: number;
  command: string;
  /** Id of the app instance, when it is one. */
  instance: string;
}

/**
 * Processes that belong to the run: marked with its id, or (instances get a minimal environment) working in, named after or told about its folder.
 * Linux only; elsewhere nothing is found.
 */
export function findProcesses(run: Run): RunProcess[] {
  const found: RunProcess[] = [];
  for (const name of list('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = read(`/proc/${name}/environ`).split('\0');
    const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
    // An empty command line is a process that has ended and was not waited for yet, or a kernel thread.
    if (!command || !belongs(run, environment, command, workingFolder(name))) continue;
    const instance = environment.find((entry) => entry.startsWith('GREENROOM_INSTANCE='))?.slice('GREENROOM_INSTANCE='.length) ?? '';
    found.push({ pid: Number(name), command, instance });
  }
  return found;
}

function belongs(run: Run, environment: string[], command: string, folder: string): boolean {
  if (environment.includes(`${RUN_VARIABLE}=${run.id}`)) return true;
  const mentions = (text: string): boolean => text.includes(`${run.folder}/`);
  return folder === run.folder || mentions(folder) || mentions(command) || environment.some(mentions);
}

export function endProcesses(processes: RunProcess[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** What lies in the folder, two levels deep at most, folders with a slash. */
export function findFiles(folder: string): string[] {
  return list(folder)
    .filter((name) => !CACHES.includes(name))
    .map((name) => {
      const path = join(folder, name);
      const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
      return isFolder ? `${path}/ (${list(path).slice(0, 5).join(', ') || 'empty'})` : path;
    });
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // Gone, or another user's.
    return '';
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Gone, or another user's.
    return '';
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there (no /proc on this system), so nothing is in it.
    return [];
  }
}

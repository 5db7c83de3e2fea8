import { readFileSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, processTable } from '../../proc.ts';
import { kindOf } from './files.ts';
import type { Git } from './git.ts';
import { removeIn } from './hands.ts';

/** A git that outlived its killed runner may take this long to end by itself. */
const PATIENCE_MS = 10_000;
const POLL_MS = 20;

/**
 * Removes the locks that a killed git left in the clone. While a git still runs there they are its own: it is waited for, then left alone. Answers an
 * empty string, or why the clone cannot be used now.
 */
export async function removeStaleLocks({ path, gitDir }: Git, branches: readonly string[]): Promise<string> {
  const locks: string[] = [];
  for (const name of await readdir(gitDir)) if (name.endsWith('.lock')) locks.push(join(gitDir, name));
  for (const branch of branches) {
    const lock = join(gitDir, `${branch}.lock`);
    if ((await kindOf(lock)) === 'file') locks.push(lock);
  }
  if (locks.length === 0) return '';
  for (let waited = 0; gitProcesses(path).length > 0; waited += POLL_MS) {
    if (waited >= PATIENCE_MS) return `git is at work in ${path} (process ${gitProcesses(path).join(', ')}); try again when it has ended.`;
    await sleep(POLL_MS);
  }
  for (const lock of locks) await removeIn({ path }, lock);
  return '';
}

/** Processes of git that work in the folder, by their current directory or what they were called with. */
function gitProcesses(path: string): number[] {
  const found = [...processTable().values()].filter((stat) => isRunning(stat) && stat.pid !== process.pid);
  return found.map(({ pid }) => pid).filter((pid) => isGit(pid) && worksIn(pid, path));
}

const isGit = (pid: number): boolean => look(() => readFileSync(`/proc/${pid}/comm`, 'utf8')).startsWith('git');

function worksIn(pid: number, path: string): boolean {
  const within = (name: string): boolean => name === path || name.startsWith(`${path}/`);
  if (within(look(() => readlinkSync(`/proc/${pid}/cwd`)))) return true;
  const words = look(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  return words.some((word) => within(word.slice(word.indexOf('=') + 1)));
}

/** Empty when the process is gone or not ours to see. */
function look(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}

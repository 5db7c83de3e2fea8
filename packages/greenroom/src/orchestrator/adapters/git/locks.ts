import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GIT_MARKER } from './git.ts';
import { markedProcesses } from './processes.ts';

/** More than the clock of file times may lag behind. */
const CLOCK_LAG_MS = 50;

/** Removes the locks of a repository that nobody works in, and answers their names. */
export async function removeLocks(gitDir: string, before = Number.POSITIVE_INFINITY): Promise<string[]> {
  const refs = (await readdir(join(gitDir, 'refs'), { recursive: true })).map((name) => join('refs', name));
  const names = [...refs, ...(await readdir(gitDir))].filter((name) => name.endsWith('.lock'));
  const removed: string[] = [];
  for (const name of names) {
    const found = await stat(join(gitDir, name)).catch(() => undefined);
    if (!found || found.ctimeMs >= before) continue;
    await rm(join(gitDir, name), { force: true });
    removed.push(name);
  }
  return removed;
}

/**
 * Removes locks that a git process left which was ended by a signal: it mostly cleans up after itself, but not in every moment. Locks that may be of a
 * process at work, or of one that begins meanwhile, stay.
 */
export async function removeStaleLocks(gitDir: string, marker: string): Promise<string[]> {
  const before = Date.now();
  await sleep(CLOCK_LAG_MS);
  if ((await markedProcesses(`${GIT_MARKER}=${marker}`)).length > 0) return [];
  return await removeLocks(gitDir, before);
}

import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const ROUNDS = 200;
const PAUSE_MS = 5;

/**
 * Kills every process whose environment holds `NAME=value`, and answers how many. Finds what a process group misses: descendants that began
 * a session of their own, and children that outlived a killed orchestrator. Does nothing where there is no /proc.
 */
export async function killMarked(name: string, value: string): Promise<number> {
  const killed = new Set<number>();
  // Again until none is left: a process may fork between the look and the signal.
  for (let round = 0; round < ROUNDS; round++) {
    const found = await markedProcesses(`${name}=${value}`);
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      kill(pid);
    }
    await sleep(PAUSE_MS);
  }
  return killed.size;
}

/** Running processes whose environment holds `NAME=value`, except this one. */
export async function markedProcesses(entry: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const marked = await Promise.all(
    pids.map(async (pid) => {
      if (pid === process.pid) return false;
      // Gone, or another user's: not ours.
      const environ = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environ.split('\0').includes(entry);
    }),
  );
  return pids.filter((_, index) => marked[index]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

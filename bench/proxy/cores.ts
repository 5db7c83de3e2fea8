import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Which cores run what. An empty list: all, whatever the kernel chooses. */
export interface Cores {
  /** Clients and back ends. */
  load: readonly number[];
  /** A proxy: a core for each of its workers, and none of the load's as long as there are enough. */
  proxy(workers: number): readonly number[];
}

/** Shares the cores that this process may use. Without `taskset`, or with a single core, nothing is pinned. */
export function shareCores(): Cores {
  return shareOut(hasTaskset() ? allowedCores(readFileSync('/proc/self/status', 'utf8')) : []);
}

export function shareOut(cores: readonly number[]): Cores {
  if (cores.length < 2) return { load: [], proxy: () => [] };
  const half = Math.floor(cores.length / 2);
  const rest = cores.slice(half);
  return { load: cores.slice(0, half), proxy: (workers) => (workers <= rest.length ? rest.slice(0, workers) : []) };
}

/** From the text of /proc/PID/status: `Cpus_allowed_list: 0-2,5` is 0, 1, 2 and 5. */
export function allowedCores(status: string): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 || 0 }, (_, index) => first + index);
  });
}

/** The command, kept to these cores. */
export function pinned(command: readonly string[], cores: readonly number[]): readonly string[] {
  return cores.length === 0 ? command : ['taskset', '--cpu-list', cores.join(','), ...command];
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    // Not there, or not allowed: the run goes on without it and says so.
    return false;
  }
}

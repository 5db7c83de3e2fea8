import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Controller } from './cgroup-mounts.ts';
import type { Layer } from './command.ts';
import { type Findings, MEGABYTE, type ResourceLimits } from './limits.ts';

/** Where a group lies: below which folder for each controller, and which version of control groups that is. */
export interface GroupPlaces {
  controllers: Partial<Record<Controller, { base: string; version: 1 | 2 }>>;
  /** Folder in the tree of version 2, in which a group can be killed as a whole; empty where there is none. */
  tree: string;
}

/** A control group: what it bounds cannot leave it. */
export interface Group {
  /** Starts a program inside. */
  layer: Layer;
  /** Writes the limits. Throws the system's error. */
  limit(limits: ResourceLimits): void;
  /** Writes those that a group with processes has lost, as by a restart of its service. Those that it has stay, and none is written that would kill at once. */
  restore(limits: ResourceLimits): void;
  /** Processes in it. */
  pids(): number[];
  /** Ends all of them at once where the kernel can, and lets none of them start another where it cannot. */
  kill(): void;
  findings(): Omit<Findings, 'endedAtMb'>;
  /** Answers false while something is in it. */
  remove(): Promise<boolean>;
}

const CPU_PERIOD_US = 100_000;
const REMOVE_TRIES = 20;
const REMOVE_EVERY_MS = 10;
/** Goes into each group itself, before it becomes the program: nothing of the program ever runs outside. */
const JOIN = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit 125; shift; done; shift; exec "$@"';

/** Makes the group, or takes the one of that name. Throws the system's error. */
export function openGroup({ controllers, tree }: GroupPlaces, name: string): Group {
  const at = (controller: Controller): { folder: string; version: 1 | 2 } | undefined => {
    const place = controllers[controller];
    return place && { folder: join(place.base, name), version: place.version };
  };
  const memory = at('memory');
  const cpu = at('cpu');
  const pids = at('pids');
  const treeFolder = tree === '' ? undefined : join(tree, name);
  const folders = [...new Set([treeFolder, memory?.folder, cpu?.folder, pids?.folder].filter((folder) => folder !== undefined))];
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const [first] = folders;

  function limit({ memory_mb, cpu_percent, processes }: ResourceLimits): void {
    if (memory && memory_mb !== undefined) limitMemory(memory, memory_mb * MEGABYTE);
    if (cpu && cpu_percent !== undefined) limitCpu(cpu, cpu_percent);
    if (pids && processes !== undefined) write(pids.folder, 'pids.max', processes);
  }

  return {
    layer: ({ file, args }) => ({
      file: '/bin/sh',
      args: ['-c', JOIN, 'sh', ...folders.map((folder) => join(folder, 'cgroup.procs')), '--', file, ...args],
    }),
    limit,
    restore({ memory_mb = 0, cpu_percent, processes }) {
      // Version 1 never loses any.
      const isLost = (placed: Placed | undefined, name: string): boolean =>
        placed?.version === 2 && read(placed.folder, name).startsWith('max');
      const fits = memory !== undefined && Number(read(memory.folder, 'memory.current')) < memory_mb * MEGABYTE;
      limit({
        ...(isLost(memory, 'memory.max') && fits ? { memory_mb } : {}),
        ...(isLost(cpu, 'cpu.max') ? { cpu_percent } : {}),
        ...(isLost(pids, 'pids.max') ? { processes } : {}),
      });
    },
    pids: () => (first === undefined ? [] : readPids(first)),
    kill() {
      if (treeFolder !== undefined && tryWrite(treeFolder, 'cgroup.kill', 1)) return;
      if (pids) tryWrite(pids.folder, 'pids.max', 0);
    },
    findings: () => ({
      ...(memory ? memoryFindings(memory) : { peakMb: 0, memoryKills: 0 }),
      refusedForks: pids ? refused(pids.folder) : 0,
    }),
    async remove() {
      for (let tries = 1; ; tries += 1) {
        if (folders.map(removeFolder).every(Boolean)) return true;
        if (tries === REMOVE_TRIES) return false;
        await sleep(REMOVE_EVERY_MS);
      }
    },
  };
}

interface Placed {
  folder: string;
  version: 1 | 2;
}

/** Swap is no way around it. */
function limitMemory({ folder, version }: Placed, bytes: number): void {
  if (version === 2) {
    write(folder, 'memory.max', bytes);
    tryWrite(folder, 'memory.swap.max', 0);
    return;
  }
  // Of the two the smaller one has to be written first: lowered in this order, raised in the other.
  const lowered = tryWrite(folder, 'memory.limit_in_bytes', bytes);
  tryWrite(folder, 'memory.memsw.limit_in_bytes', bytes);
  if (!lowered) write(folder, 'memory.limit_in_bytes', bytes);
}

function limitCpu({ folder, version }: Placed, percent: number): void {
  const quota = Math.round((percent / 100) * CPU_PERIOD_US);
  if (version === 2) {
    write(folder, 'cpu.max', `${quota} ${CPU_PERIOD_US}`);
    return;
  }
  write(folder, 'cpu.cfs_period_us', CPU_PERIOD_US);
  write(folder, 'cpu.cfs_quota_us', quota);
}

function memoryFindings({ folder, version }: Placed): Pick<Findings, 'peakMb' | 'memoryKills'> {
  const events = read(folder, version === 2 ? 'memory.events' : 'memory.oom_control');
  const peak = Number(read(folder, version === 2 ? 'memory.peak' : 'memory.max_usage_in_bytes'));
  return { peakMb: Math.round((peak || 0) / MEGABYTE), memoryKills: counter(events, 'oom_kill') };
}

const refused = (folder: string): number => counter(read(folder, 'pids.events'), 'max');

/** Of a file of lines such as `oom_kill 3`. */
function counter(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1)) || 0;
}

function readPids(folder: string): number[] {
  return read(folder, 'cgroup.procs').split('\n').map(Number).filter(Boolean);
}

/** Empty when the kernel has no such file, or the group is gone. */
function read(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}

const write = (folder: string, name: string, value: string | number): void => writeFileSync(join(folder, name), String(value));

function tryWrite(folder: string, name: string, value: string | number): boolean {
  try {
    write(folder, name, value);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error.code === 'ENOENT';
    throw error;
  }
}

import { readFileSync } from 'node:fs';
import { isRunning, type ProcessStat, processTable } from '../proc.ts';

/** What a process and its descendants take. */
export interface FamilyUse {
  memoryBytes: number;
  /** Since their start. */
  cpuSeconds: number;
}

/** Linux counts processor time in hundredths of a second, whatever the kernel's own clock does. */
const TICKS_PER_SECOND = 100;

/** By the pid of each that still runs: those of its session count, and whatever descends from it. */
export function measureFamilies(pids: readonly number[]): Map<number, FamilyUse> {
  const use = new Map<number, FamilyUse>();
  if (pids.length === 0) return use;
  const table = processTable();
  for (const pid of pids) if (isRunning(table.get(pid))) use.set(pid, { memoryBytes: 0, cpuSeconds: 0 });
  for (const stat of table.values()) {
    const head = headOf(stat, table, use);
    const family = head === undefined ? undefined : use.get(head);
    if (!family || !isRunning(stat)) continue;
    family.memoryBytes += residentBytes(stat.pid);
    family.cpuSeconds += stat.cpuTicks / TICKS_PER_SECOND;
  }
  return use;
}

function headOf(stat: ProcessStat, table: Map<number, ProcessStat>, heads: Map<number, FamilyUse>): number | undefined {
  if (heads.has(stat.session)) return stat.session;
  const seen = new Set<number>();
  for (let at: ProcessStat | undefined = stat; at && !seen.has(at.pid); at = table.get(at.parent)) {
    if (heads.has(at.pid)) return at.pid;
    seen.add(at.pid);
  }
  return undefined;
}

function residentBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1_024;
  } catch (error) {
    // Gone between two looks.
    if (error instanceof Error && 'code' in error) return 0;
    throw error;
  }
}

import { readdirSync, readFileSync } from 'node:fs';

/** What a process and all that descend from it have used since they began. */
export interface Usage {
  /** User and system time. A child that has ended takes its own with it. */
  cpuSeconds: number;
  /** Sum of the peaks of resident memory (VmHWM); memory that processes share, such as the program's code, counts in each. */
  peakMb: number;
}

/** Linux shows all times in /proc in hundredths of a second. */
const TICKS_PER_SECOND = 100;

export function usageOf(root: number): Usage {
  const usage = { cpuSeconds: 0, peakMb: 0 };
  for (const pid of familyOf(root)) {
    const stat = statOf(pid);
    usage.cpuSeconds += (stat?.cpuTicks ?? 0) / TICKS_PER_SECOND;
    usage.peakMb += Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  }
  return usage;
}

/** The process and all that descend from it, those that run. */
export function familyOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = statOf(pid)?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const family = [root];
  for (const pid of family) family.push(...(children.get(pid) ?? []));
  return family;
}

function statOf(pid: number): { parent: number; cpuTicks: number } | undefined {
  const text = read(`/proc/${pid}/stat`);
  // The name before it may hold spaces and parentheses. Fields are counted from the state on, which proc(5) has as number 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return text === '' ? undefined : { parent: Number(fields[1]), cpuTicks: Number(fields[11]) + Number(fields[12]) };
}

/** Empty when the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

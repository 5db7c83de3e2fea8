import { readdirSync, readFileSync } from 'node:fs';

/** A process, named for good and in files: pids are reused, these three together are not. */
export interface ProcessIdentity {
  pid: number;
  start_ticks: number;
  boot_id: string;
}

/** A process as `/proc/PID/stat` shows it. `startTicks` together with the boot id names it for good: pids are reused, pairs are not. */
export interface ProcessStat {
  pid: number;
  state: string;
  parent: number;
  group: number;
  session: number;
  startTicks: number;
  /** Processor time that it has used, in clock ticks. */
  cpuTicks: number;
}

/** Undefined when there is no such process (any more). Zombies are answered, see `isRunning`. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(`/proc/${pid}/stat`)?.toString('latin1');
  if (!text) return undefined;
  // The command name stands in parentheses and may itself hold spaces and parentheses: the last one closes it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(fields[index] ?? 0);
  return {
    pid,
    state: fields[0] ?? '',
    parent: number(1),
    group: number(2),
    session: number(3),
    startTicks: number(19),
    cpuTicks: number(11) + number(12),
  };
}

/** How long the main thread has waited for a processor so far, in milliseconds; 0 where the kernel does not say. */
export function readProcessorWaitMs(pid: number): number {
  const [, waitedNs = '0'] = readProc(`/proc/${pid}/schedstat`)?.toString('latin1').split(' ') ?? [];
  return Number(waitedNs) / 1e6;
}

/** False for zombies and the dead: they hold neither ports nor files. */
export function isRunning(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X' && stat.state !== 'x';
}

/** Whether exactly this process runs, not a later one with the same pid. */
export function runsStill(pid: number, startTicks: number): boolean {
  const stat = readStat(pid);
  return isRunning(stat) && stat.startTicks === startTicks;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, start_ticks: readStat(process.pid)?.startTicks ?? 0, boot_id: readBootId() };
}

/** Whether exactly this process still runs: same pid, same start, same boot of the machine. */
export function isAlive({ pid, start_ticks, boot_id }: ProcessIdentity): boolean {
  return boot_id === readBootId() && runsStill(pid, start_ticks);
}

/** Every process that can be seen, zombies included. */
export function processTable(): Map<number, ProcessStat> {
  const table = new Map<number, ProcessStat>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(Number(entry));
    if (stat) table.set(stat.pid, stat);
  }
  return table;
}

/** Environment that a process was started with, NUL-terminated entries; undefined when it may not be read or is gone. */
export function readEnviron(pid: number): Buffer | undefined {
  return readProc(`/proc/${pid}/environ`);
}

/** What a process was started with, program first; empty when it may not be read or is gone, and for kernel threads. */
export function readCommandLine(pid: number): string[] {
  const words = readProc(`/proc/${pid}/cmdline`)?.toString('utf8').split('\0') ?? [];
  return words.slice(0, -1);
}

/** Whether the environment has exactly this `NAME=value`. */
export function environHas(environ: Buffer, entry: string): boolean {
  return environ.includes(`\0${entry}\0`) || environ.subarray(0, Buffer.byteLength(entry) + 1).equals(Buffer.from(`${entry}\0`));
}

/** The environment as an object; the first of two entries of one name wins, as in libc. */
export function parseEnviron(environ: Buffer): Map<string, string> {
  const entries = new Map<string, string>();
  for (const entry of environ.toString('utf8').split('\0')) {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, equals);
    if (equals > 0 && !entries.has(name)) entries.set(name, entry.slice(equals + 1));
  }
  return entries;
}

/** Changes at every boot of the machine, so that start times of different boots are never compared. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readProc(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    // Gone between two looks (ENOENT, ESRCH) or somebody else's (EACCES, EPERM): not ours to see.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

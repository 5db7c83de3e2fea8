import { readFileSync } from 'node:fs';

/** Between two looks: a program that takes memory faster than this is not stopped in time. */
const LOOK_EVERY_MS = 1_000;

/** Calls back once, with the megabytes used, when the processes together use more. Answers a function that ends the watch. */
export function watchMemory(members: () => readonly number[], limitMb: number, onBreach: (usedMb: number) => void): () => void {
  const timer = setInterval(() => {
    const usedMb = Math.round(members().reduce((sum, pid) => sum + ownMemoryKb(pid), 0) / 1024);
    if (usedMb <= limitMb) return;
    clearInterval(timer);
    onBreach(usedMb);
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}

/** Memory that is the process's alone; programs and libraries, which others share, do not count. 0 when it is gone. */
function ownMemoryKb(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) + Number(/^VmSwap:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return 0;
    throw error;
  }
}

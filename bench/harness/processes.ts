import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

export const MEMORY_MEASURES = ['RSS', 'PSS'] as const;
/** Megabytes. RSS counts shared pages, the Node binary's first, in each process; PSS splits them between those that map them. */
export type Memory = Record<(typeof MEMORY_MEASURES)[number], number>;

/** Throws when the process has ended. */
export function memoryOf(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? Number.NaN) / 1024;
  return { RSS: megabytes('Rss'), PSS: megabytes('Pss') };
}

/** Linux shows all times in /proc in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/** Processor time of a process since it began, with that of its children that have ended (git's are most of them). Throws when it has ended. */
export function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields are counted from the state on, which proc(5) has as number 3: utime, stime, cutime, cstime.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** Of the embedded proxy of a home. Rejects when none answers. */
export function pidOfProxy(home: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(home, 'proxy', 'proxy.sock'), path: '/', agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve((JSON.parse(Buffer.concat(chunks).toString()) as { pid: number }).pid));
    });
    asked.once('error', reject);
    asked.end();
  });
}

import { execFile } from 'node:child_process';

/** Between two looks at a folder that is quick to measure, and how many times as long as the measurement took otherwise. */
const LOOK_EVERY_MS = 1_000;
const LOOK_SHARE = 10;
const MEASURE_LIMIT_MS = 60_000;

/**
 * Megabytes that a folder takes on the disk. Follows no links, stays on the one file system, counts what has several names once. Undefined when that
 * cannot be told within a minute.
 */
export function diskUseMb(folder: string): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  // It complains of what is removed under it, and counts the rest all the same.
  execFile(
    'du',
    ['-skx', '--', folder],
    { timeout: MEASURE_LIMIT_MS, env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' } },
    (_, stdout) => {
      const kilobytes = /^(\d+)\t/.exec(stdout)?.[1];
      resolve(kilobytes === undefined ? undefined : Number(kilobytes) / 1024);
    },
  );
  return promise;
}

export interface Room {
  folder: string;
  limitMb: number;
}

/** Calls back once, with the megabytes, when the folder takes more than it may. Answers a function that ends the watch. */
export function watchDiskUse({ folder, limitMb }: Room, onBreach: (usedMb: number) => void): () => void {
  let ended = false;
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    const start = performance.now();
    const usedMb = await diskUseMb(folder);
    if (ended) return;
    if (usedMb !== undefined && usedMb > limitMb) onBreach(Math.round(usedMb));
    else plan(Math.max(LOOK_EVERY_MS, LOOK_SHARE * (performance.now() - start)));
  };
  const plan = (delay: number): void => {
    timer = setTimeout(() => void look(), delay).unref();
  };
  plan(LOOK_EVERY_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layout } from '../layout.ts';

/** Logs of instances that have ended and of setups, older than this, go first when the disk is full. */
export const OLD_LOG_MS = 86_400_000;

/** Share of the folder's file system that is used, 0 to 100, as an ordinary user sees it. */
export async function diskPercent(folder: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(folder);
  const used = blocks - bfree;
  return used + bavail === 0 ? 100 : (used / (used + bavail)) * 100;
}

/** Deletes old logs of what no longer runs. Shared paths, releases and the journal are never touched. Answers the bytes that were freed. */
export async function deleteOldLogs(layout: Layout, running: readonly string[], now: number): Promise<number> {
  let freed = 0;
  for (const name of await readdir(layout.logs)) {
    if (running.some((instance) => name.startsWith(instance))) continue;
    const file = join(layout.logs, name);
    const found = await stat(file).catch(() => null);
    if (!found?.isFile() || now - found.mtimeMs < OLD_LOG_MS) continue;
    await rm(file, { force: true });
    freed += found.size;
  }
  return freed;
}

import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type AppFinding, fine } from './finding.ts';

/** Path below the folder to what tells one state of a file from another. */
export type Snapshot = Map<string, string>;

const SHOWN = 8;
/** What Python compiles: the next slot makes its own. */
const BYTECODE = /(^|\/)__pycache__\/|\.pyc$/;

/** Every file and link below the folder; links, as those to shared paths, are not followed. */
export async function snapshot(folder: string): Promise<Snapshot> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: Snapshot = new Map();
  const look = async (entry: Dirent): Promise<void> => {
    const path = join(entry.parentPath, entry.name);
    const stats = await lstat(path, { bigint: true }).catch(gone);
    if (stats) found.set(relative(folder, path), `${stats.ino} ${stats.size} ${stats.mtimeNs}`);
  };
  await Promise.all(entries.filter((entry) => !entry.isDirectory() && entry.name !== '.git').map(look));
  return found;
}

/** What differs, sorted: `+` new, `~` changed, `-` removed. */
export function compare(before: Snapshot, after: Snapshot): Map<string, '+' | '~' | '-'> {
  const changes = new Map<string, '+' | '~' | '-'>();
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    if (BYTECODE.test(path) || before.get(path) === after.get(path)) continue;
    changes.set(path, !before.has(path) ? '+' : after.has(path) ? '~' : '-');
  }
  return changes;
}

/** `tracked` are the paths of them that git does not ignore. */
export function checkFiles(changes: ReadonlyMap<string, string>, tracked: ReadonlySet<string>): AppFinding {
  if (changes.size === 0) return fine('files', 'nothing was written into the slots');
  const evidence = [...changes].slice(0, SHOWN).map(([path, mark]) => `${mark} ${path}`);
  if (changes.size > SHOWN) evidence.push(`and ${changes.size - SHOWN} more`);
  const remedy =
    'Write data to a folder that "shared_paths" of the contract lists (the same for every release), logs to the standard output, what may be lost to the folder for temporary files.';
  const unignored = [...changes.keys()].filter((path) => tracked.has(path)).length;
  if (unignored > 0)
    return {
      check: 'files',
      level: 'fail',
      says: `the app writes into its slot: ${changes.size} file(s), which the next deploys lose`,
      evidence,
      remedy,
    };
  const says = `the app writes ${changes.size} file(s) into its slot that git ignores: each slot has its own, and two releases see different ones`;
  return { check: 'files', level: 'warn', says, evidence, remedy };
}

function gone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

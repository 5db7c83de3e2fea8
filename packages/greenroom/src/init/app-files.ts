import type { Dirent } from 'node:fs';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const MAX_ENTRIES = 20_000;
const MAX_DEPTH = 8;
const MAX_FILE_BYTES = 256 * 1024;
/** Longer lines are data or minified code, and could make a pattern take very long. */
const MAX_LINE_LENGTH = 1_000;
const MAX_TOTAL_BYTES = 16 * 1024 * 1024;
/** Dependencies and build results: large, and not the app's own words. */
const SKIPPED = new Set([
  'node_modules',
  'bower_components',
  'vendor',
  'venv',
  'dist',
  'build',
  'out',
  'target',
  'coverage',
  '__pycache__',
]);

/**
 * The files of an app's folder, read within bounds. Links are never followed, hidden folders and dependencies are left out, and nothing is
 * ever run.
 */
export interface AppFiles {
  directory: string;
  /** Paths of ordinary files, relative, with `/`; those near the top first. */
  files: readonly string[];
  folders: readonly string[];
  /** True when there was more than is looked at. */
  truncated: boolean;
  has(path: string): boolean;
  /** The text of a file; empty when it is missing, not text, or too large to be looked at. */
  read(path: string): Promise<string>;
  /** The lines of a file; very long ones are empty. */
  lines(path: string): Promise<string[]>;
}

export async function openAppFiles(directory: string): Promise<AppFiles> {
  const root = resolve(directory);
  const found = await walk(root);
  const known = new Set(found.files);
  const cache = new Map<string, string>();
  let budget = MAX_TOTAL_BYTES;
  const read = async (path: string): Promise<string> => {
    const cached = cache.get(path);
    if (cached !== undefined) return cached;
    const text = known.has(path) && budget > 0 ? await readText(join(root, path)) : '';
    budget -= text.length;
    cache.set(path, text);
    return text;
  };
  const lines = async (path: string): Promise<string[]> =>
    (await read(path)).split(/\r?\n/).map((line) => (line.length > MAX_LINE_LENGTH ? '' : line));
  return { directory: root, ...found, has: (path) => known.has(path), read, lines };
}

async function walk(root: string): Promise<{ files: string[]; folders: string[]; truncated: boolean }> {
  const files: string[] = [];
  const folders: string[] = [];
  let level = [''];
  let truncated = false;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_DEPTH) return { files, folders, truncated: true };
    const next: string[] = [];
    for (const folder of level) {
      if (files.length + folders.length > MAX_ENTRIES) {
        truncated = true;
        break;
      }
      for (const entry of await entriesOf(join(root, folder))) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isFile()) files.push(path);
        if (!entry.isDirectory() || entry.name.startsWith('.') || SKIPPED.has(entry.name)) continue;
        folders.push(path);
        next.push(path);
      }
    }
    level = next;
  }
  return { files, folders, truncated };
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((one, other) => (one.name < other.name ? -1 : 1)).slice(0, MAX_ENTRIES);
  } catch (error) {
    if (isExpected(error)) return [];
    throw error;
  }
}

async function readText(file: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) return '';
    const text = (await handle.readFile()).toString('utf8').replace(/^\uFEFF/, '');
    return text.includes('\0') ? '' : text;
  } catch (error) {
    if (isExpected(error)) return '';
    throw error;
  } finally {
    await handle?.close();
  }
}

/** Gone, a link or unreadable since it was listed: as if it were not there. */
function isExpected(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(ENOENT|ENOTDIR|EACCES|EPERM|ELOOP|ENXIO)$/.test(String(error.code));
}

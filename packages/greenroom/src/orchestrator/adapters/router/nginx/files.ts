/** The folder of generated files: what lies there, of this app and of others, and putting files there in one step that can be taken back. */
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeDurably } from '../../durable.ts';
import { type Lock, takeLock } from '../../lock.ts';
import { RouterError } from '../router-error.ts';
import type { Files } from './config.ts';
import { type Header, readHeader } from './setting.ts';

const LOCK_LIMIT_MS = 30_000;
const LOCK_POLL_MS = 20;
const FILE_MODE = 0o644;

/** Files by their path below the folder; null for one that is not to be there. */
export type Change = ReadonlyMap<string, string | null>;

export interface Folder {
  /** The files of an app, among which its main one may be missing. */
  read(app: string): Promise<Files>;
  /** Whether these are exactly the files of the app. */
  holds(app: string, files: Files): Promise<boolean>;
  /** What other apps have of nginx. */
  others(app: string): Promise<Header[]>;
  /** Durable; a file at a time. Repeatable. */
  apply(change: Change): Promise<void>;
  /** What a change that was being tried will have to put back should we die with it; null when nothing is being tried. */
  remember(app: string, before: Change | null): Promise<void>;
  /** What an earlier run died with; null in the ordinary case. */
  recall(app: string): Promise<Change | null>;
  /**
   * Orchestrators take turns: nginx tests the files of all of them together. Makes the folder when it is not there; throws `RouterError` when this user may
   * not write to it.
   */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export function openFolder(path: string): Folder {
  const at = (name: string): string => join(path, name);
  const undoFile = (app: string): string => at(`.${app}.undo.json`);

  async function read(app: string): Promise<Files> {
    const files: Files = new Map();
    const places = await readdir(at('routes')).catch(none);
    for (const name of [`${app}.conf`, ...places.map((place) => `routes/${place}/${app}.conf`)]) {
      const text = await readFile(at(name), 'utf8').catch(absent);
      if (text !== null) files.set(name, text);
    }
    return files;
  }

  return {
    read,
    holds: async (app, files) => changeOf(await read(app), files).size === 0,
    async others(app) {
      const names = (await readdir(path).catch(none)).filter((name) => name.endsWith('.conf') && name !== `${app}.conf`);
      const texts = await Promise.all(names.map((name) => readFile(at(name), 'utf8').catch(absent)));
      return texts.flatMap((text) => (text === null ? [] : (readHeader(text) ?? [])));
    },
    async apply(change) {
      for (const [name, text] of change) {
        const file = at(name);
        if (text === null) await remove(file);
        else {
          await mkdir(dirname(file), { recursive: true, mode: 0o755 });
          await writeDurably(file, text, FILE_MODE);
        }
      }
    },
    async remember(app, before) {
      if (before === null) await rm(undoFile(app), { force: true });
      else await writeDurably(undoFile(app), JSON.stringify([...before]), FILE_MODE);
    },
    async recall(app) {
      const text = await readFile(undoFile(app), 'utf8').catch(absent);
      return text === null ? null : new Map(JSON.parse(text) as [string, string | null][]);
    },
    alone: (work) => alone(path, work),
  };
}

/** From what is there to what is wanted. */
export function changeOf(found: Files, wanted: Files): Change {
  const gone = [...found.keys()].filter((name) => !wanted.has(name));
  return new Map<string, string | null>([
    ...[...wanted].filter(([name, text]) => found.get(name) !== text),
    ...gone.map((name) => [name, null] as const),
  ]);
}

/** What undoes a change of the files found. */
export function undoOf(change: Change, found: Files): Change {
  return new Map([...change.keys()].map((name) => [name, found.get(name) ?? null]));
}

async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + LOCK_LIMIT_MS;
  let lock = await lockOf(folder);
  while (!lock) {
    if (Date.now() > deadline)
      throw new RouterError('proxy_busy', `Another orchestrator has been changing nginx's files in ${folder} for too long.`);
    await sleep(LOCK_POLL_MS);
    lock = await lockOf(folder);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** The lock is a file in the folder, so that it tells at once whether files may be written there. */
async function lockOf(folder: string): Promise<Lock | null> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    return takeLock(join(folder, '.lock'));
  } catch (error) {
    if (error instanceof Error) return unwritable(folder, error);
    throw error;
  }
}

/** With the folder of a route, when nobody else is in it. */
async function remove(file: string): Promise<void> {
  await rm(file, { force: true });
  for (const folder of [dirname(file), dirname(dirname(file))]) {
    if (!/\/routes(?:\/[^/]+)?$/.test(folder)) return;
    await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
    });
  }
}

function unwritable(path: string, error: Error): never {
  if (!('code' in error || 'errcode' in error)) throw error;
  throw new RouterError(
    'config_dir_unwritable',
    `Greenroom cannot write nginx's files to ${path} (${error.message}). Make the folder for the user that runs Greenroom, or name another in "config_dir" in "router" of the contract.`,
    { cause: error },
  );
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  return null;
}

function none(error: NodeJS.ErrnoException): string[] {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  return [];
}

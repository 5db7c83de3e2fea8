import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncFolder, writeDurably } from '../orchestrator/adapters/durable.ts';
import { type Lock, takeLock } from '../orchestrator/adapters/lock.ts';
import { layoutOf } from '../orchestrator/layout.ts';
import { APP_NAME, type LastKnown, type RegisteredApp, readEntry } from './entry.ts';

export { APP_NAME, type LastKnown, type LastState, type RegisteredApp, readEntry } from './entry.ts';

export interface Registry {
  apps: RegisteredApp[];
  /** Files that are no valid entries; they are skipped, never deleted. */
  broken: { file: string; problem: string }[];
}

export const APP_NAME_RULE = 'small letters, digits and dashes, beginning with a letter or digit';

const LOCK_LIMIT_MS = 5_000;
/** An app's folder is looked at within bounds, which takes a few seconds at most; several may be waited for. */
const CHOOSING_LIMIT_MS = 60_000;
const LOCK_RETRY_MS = 5;

/** All apps, by name. Needs no lock: an entry is replaced whole. */
export async function listApps(home: string): Promise<Registry> {
  const registry: Registry = { apps: [], broken: [] };
  for (const file of await entries(registryDirectory(home))) {
    const app = await readEntry(file);
    if (typeof app === 'string') registry.broken.push({ file, problem: app });
    else if (`${app.name}.json` !== basename(file)) registry.broken.push({ file, problem: `it is the entry of "${app.name}"` });
    else registry.apps.push(app);
  }
  return registry;
}

/**
 * Writes the entry, and the same without `last` as `app.json` into the data directory. What is known of the app's last state stays when none is
 * given. Durable and repeatable. Throws `TypeError` on a bad name, `NameTaken` when the name is that of another data directory,
 * and `RegistryError` when the registry cannot be changed now.
 */
export async function registerApp(home: string, { last, ...app }: RegisteredApp): Promise<void> {
  if (!APP_NAME.test(app.name)) throw new TypeError(`"${app.name}" is not a name for an app: ${APP_NAME_RULE}`);
  await changing(home, async () => {
    await removeTorn(registryDirectory(home));
    const file = entryFile(home, app.name);
    const before = await readEntry(file);
    const ours = typeof before === 'object' && before.data === app.data;
    if (typeof before === 'object' && !ours && (await exists(before.data)))
      throw new NameTaken(`"${app.name}" is the name of the app whose data is in ${before.data}: choose another name.`);
    await mkdir(app.data, { recursive: true, mode: 0o700 });
    await writeDurably(layoutOf(app.data).app, text(app));
    const known = last ?? (ours ? before.last : undefined);
    await writeDurably(file, text({ ...app, ...(known ? { last: known } : {}) }));
  });
}

/**
 * Writes what is known of the app now. An entry that somebody removed is made anew. Answers false, and writes nothing, when the name belongs to
 * another data directory by now.
 */
export async function updateApp(home: string, app: RegisteredApp, last: LastKnown): Promise<boolean> {
  return await changing(home, async () => {
    const file = entryFile(home, app.name);
    const before = await readEntry(file);
    if (typeof before === 'object' && before.data !== app.data) return false;
    // Of two writers of one entry each changes its own part only.
    await writeDurably(file, text({ ...(typeof before === 'object' ? before : app), last }));
    return true;
  });
}

/** Removes the entry and nothing else; the data directory stays. Answers whether there was one. */
export async function forgetApp(home: string, name: string): Promise<boolean> {
  if (!APP_NAME.test(name)) return false;
  return await changing(home, async () => {
    const file = entryFile(home, name);
    if (!(await exists(file))) return false;
    await rm(file);
    await syncFolder(dirname(file));
    return true;
  });
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Name and ports of a new app, chosen and registered while no other process chooses: else both would find the same ones free. The registry may be
 * changed within. Throws `RegistryError` when another process takes too long.
 */
export function choosing<T>(home: string, choose: () => Promise<T>): Promise<T> {
  return holding(home, '.choosing', CHOOSING_LIMIT_MS, choose);
}

/** One change at a time, of all processes. */
function changing<T>(home: string, change: () => Promise<T>): Promise<T> {
  return holding(home, '.lock', LOCK_LIMIT_MS, change);
}

/** The kernel gives the lock back when a process dies in between. */
async function holding<T>(home: string, name: '.lock' | '.choosing', limitMs: number, work: () => Promise<T>): Promise<T> {
  const directory = registryDirectory(home);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const deadline = Date.now() + limitMs;
  for (;;) {
    const lock = lockOf(directory, name);
    if (lock) {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    if (Date.now() > deadline) throw new RegistryError(`Another process has held ${directory} for ${limitMs / 1_000} s: try again.`);
    await sleep(LOCK_RETRY_MS);
  }
}

/** Null when another process holds it. */
function lockOf(directory: string, name: string): Lock | null {
  try {
    return takeLock(join(directory, name));
  } catch (cause) {
    throw new RegistryError(`Nothing can be changed in ${directory}: ${(cause as Error).message}.`, { cause });
  }
}

/** What a writer that was killed left half-written. Nobody else writes: the caller holds the lock. */
async function removeTorn(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (name.endsWith('.tmp')) await rm(join(directory, name), { force: true });
}

/** A change that was refused. The message is a sentence for people. */
export class RegistryError extends Error {
  override readonly name: string = 'RegistryError';
}

/** The name belongs to the app of another data directory. */
export class NameTaken extends RegistryError {
  override readonly name: string = 'NameTaken';
}

function registryDirectory(home: string): string {
  return join(home, 'registry');
}

function entryFile(home: string, name: string): string {
  return join(registryDirectory(home), `${name}.json`);
}

function text(app: RegisteredApp): string {
  return `${JSON.stringify(app, null, 2)}\n`;
}

async function entries(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

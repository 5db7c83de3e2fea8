import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

/** Changes within this many milliseconds are told as one. */
const GATHER_MS = 5;
/** For file systems that tell of no changes. */
const LOOK_EVERY_MS = 500;

export interface Watching {
  add(listener: () => void): () => void;
  /** This process changed something itself. */
  changed(): void;
  close(): void;
}

/** Tells when any process has written to the database: by its write-ahead log, which every commit touches. Whoever listens keeps the process alive. */
export function createWatching(file: string, sql: DatabaseSync): Watching {
  const listeners = new Set<() => void>();
  const log = `${basename(file)}-wal`;
  const dataVersion = sql.prepare('PRAGMA data_version');
  let version = 0;
  let gathering: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  let look: NodeJS.Timeout | undefined;

  const tell = (): void => {
    gathering ??= setTimeout(() => {
      gathering = undefined;
      for (const listener of listeners) listener();
    }, GATHER_MS);
  };

  function start(): void {
    version = Number(dataVersion.get()?.['data_version']);
    watcher = watch(dirname(file), (_, name) => {
      if (name === null || name === log) tell();
    });
    // The folder went away, or the limit of watches is reached: looking goes on.
    watcher.on('error', () => watcher?.close());
    look = setInterval(() => {
      const now = Number(dataVersion.get()?.['data_version']);
      if (now === version) return;
      version = now;
      tell();
    }, LOOK_EVERY_MS);
  }

  function stop(): void {
    watcher?.close();
    watcher = undefined;
    clearInterval(look);
    clearTimeout(gathering);
    gathering = undefined;
  }

  return {
    add(listener) {
      if (listeners.size === 0) start();
      // Each call is a listener of its own, even of the same function.
      const own = (): void => listener();
      listeners.add(own);
      return () => {
        if (listeners.delete(own) && listeners.size === 0) stop();
      };
    },
    changed() {
      if (listeners.size > 0) tell();
    },
    close() {
      listeners.clear();
      stop();
    },
  };
}

import { type FSWatcher, watch } from 'node:fs';

/** Whoever edits a file by hand writes it in several steps. */
const SETTLE_MS = 50;
/** What no event tells of: a restart or a reload of nginx, a new certificate, another file of the app's. */
const LOOK_INTERVAL_MS = 5_000;

/** Calls back when the file may have changed, and now and then; says which. Answers a function that ends it. */
export function watchFiles(folder: string, name: string, look: (why: 'changed' | 'time') => void): () => void {
  let settling: NodeJS.Timeout | undefined;
  const onEvent = (_: string, changed: string | null): void => {
    if (changed !== null && changed !== name) return;
    clearTimeout(settling);
    settling = setTimeout(() => look('changed'), SETTLE_MS).unref();
  };
  const interval = setInterval(() => look('time'), LOOK_INTERVAL_MS).unref();
  const watcher = tryWatch(folder, onEvent);
  return () => {
    clearTimeout(settling);
    clearInterval(interval);
    watcher?.close();
  };
}

/** Null where the system has no more watches to give: the looks now and then remain. */
function tryWatch(folder: string, onEvent: (type: string, changed: string | null) => void): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return null;
    throw error;
  }
}

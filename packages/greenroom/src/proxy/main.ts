/** The embedded proxy, a process of its own: `node main.ts --dir DIR`. Ends when its last app is deregistered. */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createApps } from './apps.ts';
import { type Control, serveControl } from './control.ts';
import { takeLock } from './lock.ts';
import { createSpliceDataPath } from './splice/data-path.ts';
import { createRouteStore } from './store.ts';

const VERSION = '0.1.0';
/** A proxy that nobody registers with (whoever started it died) does not stay for ever. */
const UNUSED_EXIT_MS = 60_000;

// A full disk below the log, or its reader's end, must not end the traffic of every app.
process.stderr.on('error', () => undefined);

const { values } = parseArgs({ options: { dir: { type: 'string' } } });
if (!values.dir) {
  process.stderr.write('usage: main.ts --dir DIR (the folder for proxy.sock and routes.json)\n');
  process.exit(2);
}
await run(resolve(values.dir));

async function run(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = takeLock(directory);
  if (!lock) {
    log(`a proxy already runs in ${directory}; nothing to do`);
    return;
  }
  const socket = join(directory, 'proxy.sock');
  let control: Control | null = null;
  let stopping = false;
  const apps = createApps({
    dataPath: createSpliceDataPath(),
    store: createRouteStore(directory),
    log,
    onEmpty: () => void stop('no app is left'),
  });

  // Under the lock a socket file can only be the left-over of a proxy that died.
  await rm(socket, { force: true });
  await apps.restore();
  control = await serveControl(socket, apps, VERSION);
  log(`proxy ${VERSION} runs in ${directory}`);
  // Node writes its compile cache on a clean exit only; the successor of a killed proxy needs it most.
  process.getBuiltinModule('node:module').flushCompileCache();
  const unused = setInterval(() => {
    if (apps.status().length === 0) void stop('nobody registered an app');
  }, UNUSED_EXIT_MS);
  unused.unref();
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));

  /** Lets go of socket, ports and lock first, so that the next proxy can take over while requests in flight end here. */
  async function stop(reason: string): Promise<void> {
    if (stopping) return;
    stopping = true;
    log(`ending: ${reason}`);
    const ended = Promise.all([control?.close(), apps.close()]);
    lock?.release();
    await ended;
    process.exit(0);
  }
}

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} pid ${process.pid} ${line}\n`);
}

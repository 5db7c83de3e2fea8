/**
 * The embedded proxy, a process of its own: `node main.ts --dir DIR [--workers N] [--stay]`. Ends when its last app is deregistered. With `--stay`, as a service that
 * something else starts and stops, it does not, and waits for its turn while another proxy has the folder.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { journaldLine, writesToJournald } from '../journald.ts';
import { createApps } from './apps.ts';
import { type Control, serveControl } from './control.ts';
import { createLocalApps } from './local-apps.ts';
import { takeLock } from './lock.ts';
import { DEFAULT_SETTINGS, parseWorkers, readSettings, type Settings } from './settings.ts';
import { createSpliceDataPath } from './splice/data-path.ts';
import type { Limits } from './splice/limits.ts';
import { createRouteStore } from './store.ts';
import type { Traffic } from './traffic.ts';
import { createWorkerPool, type WorkerPool } from './workers/pool.ts';
import { createSpreadTraffic } from './workers/spread-traffic.ts';

const VERSION = '0.1.0';
/** A proxy that nobody registers with (whoever started it died) does not stay for ever. */
const UNUSED_EXIT_MS = 60_000;
/** Whatever does not end by then ends with the process: whoever told it to end waits for it. */
const STOP_LIMIT_MS = 15_000;
/** Between looks whether the proxy that runs has ended. */
const TURN_INTERVAL_MS = 100;
const inJournald = writesToJournald(2);

// A full disk below the log, or its reader's end, must not end the traffic of every app.
process.stderr.on('error', () => undefined);

const { values } = parseArgs({
  options: { dir: { type: 'string' }, workers: { type: 'string' }, stay: { type: 'boolean', default: false } },
});
if (!values.dir) {
  process.stderr.write('usage: main.ts --dir DIR [--workers N|auto] [--stay] (DIR is the folder for proxy.sock and routes.json)\n');
  process.exit(2);
}
const directory = resolve(values.dir);
await run(directory, await settingsWanted(directory, values.workers), values.stay);

async function run(directory: string, { workers, limits }: Settings, stay: boolean): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = takeLock(directory) ?? (stay ? await takeTurn(directory) : null);
  if (!lock) {
    log(`a proxy already runs in ${directory}; nothing to do`);
    return;
  }
  const socket = join(directory, 'proxy.sock');
  let control: Control | null = null;
  let stopping = false;
  const pool = workers > 1 ? createWorkerPool(workers, limits, log) : null;
  const apps = createApps({
    traffic: trafficOf(pool, limits),
    store: createRouteStore(directory),
    log,
    onEmpty: stay ? null : () => void stop('no app is left'),
  });

  // Under the lock a socket file can only be the left-over of a proxy that died.
  await rm(socket, { force: true });
  await apps.restore();
  control = await serveControl(socket, apps, { version: VERSION, workers: () => pool?.ready() ?? 1 });
  log(`proxy ${VERSION} runs in ${directory}${pool ? `, with ${workers} workers` : ''}`);
  // Node writes its compile cache on a clean exit only; the successor of a killed proxy needs it most.
  process.getBuiltinModule('node:module').flushCompileCache();
  const unused = setInterval(() => {
    if (!stay && apps.count() === 0) void stop('nobody registered an app');
  }, UNUSED_EXIT_MS);
  unused.unref();
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));

  /** Lets go of socket, ports and lock first, so that the next proxy can take over while requests in flight end here. */
  async function stop(reason: string): Promise<void> {
    if (stopping) return;
    stopping = true;
    log(`ending: ${reason}`);
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    const ended = Promise.all([control?.close(), apps.close()]);
    lock?.release();
    await ended;
    await pool?.close();
    process.exit(0);
  }
}

function trafficOf(pool: WorkerPool | null, limits: Partial<Limits>): Traffic {
  return pool ? createSpreadTraffic(pool) : createLocalApps(createSpliceDataPath(limits));
}

/** The command line's word counts before the file's. A file that is wrong must not keep a proxy down that is started again in the night. */
async function settingsWanted(dir: string, given: string | undefined): Promise<Settings> {
  const parsed = given === undefined ? null : parseWorkers(/^\d+$/.test(given) ? Number(given) : given);
  if (parsed && !parsed.ok) {
    process.stderr.write(`--workers: ${parsed.error}\n`);
    process.exit(2);
  }
  const settings = await readSettings(dir);
  if (!settings.ok) log(`${settings.error}; going on with the defaults`);
  const found = settings.ok ? settings.value : DEFAULT_SETTINGS;
  if (found.unknown.length > 0) log(`settings.json: ${found.unknown.map((name) => JSON.stringify(name)).join(', ')} means nothing here`);
  return { ...found, workers: parsed?.value ?? found.workers };
}

/** The kernel gives the lock back however the other one ends. */
async function takeTurn(directory: string): Promise<NonNullable<ReturnType<typeof takeLock>>> {
  log(`another proxy runs in ${directory}: waiting for it to end`);
  for (;;) {
    await sleep(TURN_INTERVAL_MS);
    const lock = takeLock(directory);
    if (lock) return lock;
  }
}

function log(line: string): void {
  process.stderr.write(inJournald ? journaldLine(line) : `${new Date().toISOString()} pid ${process.pid} ${line}\n`);
}

/**
 * The embedded proxy, a process of its own: `node main.ts --dir DIR [--workers N] [--stay]`. Ends when its last app is deregistered, or a successor has taken over. With `--stay`, as
 * a service that something else starts and stops, it does not end for want of apps, and waits for its turn while another proxy has the folder.
 */
import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ProxyUpgradeBody, ProxyUpgraded } from '@greenroom/sdk/proxy';
import { journaldLine, writesToJournald } from '../journald.ts';
import { VERSION } from '../version.ts';
import { createApps } from './apps.ts';
import { type Control, serveControl } from './control.ts';
import { FORMAT } from './hand-over/messages.ts';
import { meetPredecessor, type Predecessor } from './hand-over/predecessor.ts';
import { programOf } from './hand-over/program.ts';
import { serviceManager } from './hand-over/service-manager.ts';
import { type HandOver, handOver, type Successor } from './hand-over/successor.ts';
import { keepSockets } from './kept-sockets.ts';
import { stopListening, takeSocketsFrom, takeUnusedSockets } from './listening.ts';
import { createLocalApps } from './local-apps.ts';
import { type Lock, takeInTurn, takeLock, takeTurn } from './lock.ts';
import { passedSockets } from './passed-sockets.ts';
import { type Answer, refuse } from './refused.ts';
import { DEFAULT_SETTINGS, parseWorkers, readSettings, type Settings } from './settings.ts';
import { createSpliceDataPath } from './splice/data-path.ts';
import type { Limits } from './splice/limits.ts';
import { createRouteStore } from './store.ts';
import type { Traffic } from './traffic.ts';
import { createWorkerPool, type WorkerPool } from './workers/pool.ts';
import { createSpreadTraffic } from './workers/spread-traffic.ts';

/** A proxy that nobody registers with (whoever started it died) does not stay for ever. */
const UNUSED_EXIT_MS = 60_000;
/** Whatever does not end by then ends with the process: whoever told it to end waits for it. */
const STOP_LIMIT_MS = 15_000;
/** Between looks whether the proxy that runs has ended. */
const LOCK_LOOK_MS = 100;
const inJournald = writesToJournald(2);
const WORKERS_LOOK_MS = 10;

// A full disk below the log, or its reader's end, must not end the traffic of every app.
process.stderr.on('error', () => undefined);

const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    workers: { type: 'string' },
    'take-over': { type: 'string' },
    stay: { type: 'boolean', default: false },
  },
});
if (!values.dir) {
  process.stderr.write('usage: main.ts --dir DIR [--workers N|auto] [--stay] (DIR is the folder for proxy.sock and routes.json)\n');
  process.exit(2);
}
const directory = resolve(values.dir);
await run(directory, await settingsWanted(directory, values.workers), values.stay);

async function run(directory: string, { workers, limits }: Settings, stay: boolean): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const predecessor = values['take-over'] === undefined ? null : meetPredecessor();
  const turn = predecessor && (await takeTurnSoon(directory));
  let lock = predecessor ? null : (takeLock(directory) ?? (stay ? await waitForLock(directory) : null));
  if (predecessor && (!turn || values['take-over'] !== String(FORMAT))) {
    predecessor.failed(turn ? `proxy ${VERSION} does not understand the one before it` : 'another proxy is just starting');
    return;
  }
  if (!predecessor && !lock) {
    log(`a proxy already runs in ${directory}; nothing to do`);
    return;
  }
  const socket = join(directory, 'proxy.sock');
  let control: Control | null = null;
  let stopping = false;
  let upgrading = false;
  const ended: Promise<unknown>[] = [];
  const manager = serviceManager(stay);
  const pool = workers > 1 ? createWorkerPool(workers, limits, log) : null;
  const traffic = trafficOf(pool, limits);
  const apps = createApps({
    traffic,
    store: createRouteStore(directory),
    predecessor,
    log,
    onEmpty: stay ? null : () => void stop('no app is left'),
  });
  const about = { version: VERSION, workers: () => pool?.ready() ?? 1, upgrade };

  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  process.on('SIGUSR2', () => void upgrade({}));
  if (predecessor) await apps.hold(() => takeOver(predecessor));
  else {
    keepSockets(await passedSockets(log), log);
    await apps.restore();
    control = await serveControl(socket, apps, about);
  }
  log(`proxy ${VERSION} runs in ${directory}${pool ? `, with ${workers} workers` : ''}`);
  // Node writes its compile cache on a clean exit only; the successor of a killed proxy needs it most.
  process.getBuiltinModule('node:module').flushCompileCache();
  const unused = setInterval(() => {
    if (!stay && apps.count() === 0) void stop('nobody registered an app');
  }, UNUSED_EXIT_MS);
  unused.unref();

  /** Whatever dies at whatever moment, one of the two listens, and one has the lock; this one goes on by itself when the other is gone. */
  async function takeOver(from: Predecessor): Promise<void> {
    takeSocketsFrom(from.sockets);
    // It is to serve from the first moment; when the old one has had enough of waiting, it says so by ending this one.
    while (pool && pool.ready() < workers) await sleep(WORKERS_LOOK_MS);
    keepSockets(await from.prepared(), log);
    await apps.restore().catch((error: Error) => {
      from.failed(error.message);
      throw error;
    });
    await takeUnusedSockets();
    control = await serveControl(socket, apps, about);
    await from.serving();
    lock = takeInTurn(directory);
    if (!lock) throw new Error('the lock is not free');
    turn?.release();
    from.owner(VERSION);
    void from.gone.then(() => log('the proxy before this one is gone'));
  }

  async function upgrade(wanted: ProxyUpgradeBody): Promise<Answer<ProxyUpgraded>> {
    if (stopping || upgrading || !lock) return refuse(409, 'upgrade_failed', 'the proxy is ending, or being upgraded already');
    upgrading = true;
    const program = await programAllowed(wanted);
    const done = program.ok
      ? await handOver({ command: commandOf(program.value), cwd: directory, apps, control: stage, lock: key, log })
      : program;
    upgrading = false;
    if (!done.ok) {
      if (!lock) void stop('another proxy has the lock');
      return refuse(409, 'upgrade_failed', done.error);
    }
    const { pid, version } = done.value;
    log(`proxy ${version} (pid ${pid}) has taken over; this one ends when nothing is in flight any more`);
    void leave(done.value);
    return { ok: true, value: { pid, version } };
  }

  /** Asked before, because there is no way back after a hand-over: whether the manager of services will know its successor. */
  async function programAllowed(wanted: ProxyUpgradeBody): ReturnType<typeof programOf> {
    const refused = await manager?.follow(process.pid);
    return refused ? { ok: false, error: `systemd cannot be told which process takes over (${refused})` } : await programOf(wanted);
  }

  const stage: HandOver['control'] = {
    leave() {
      if (control) ended.push(control.close());
    },
    async comeBack() {
      control = await serveControl(socket, apps, about);
    },
  };
  const key: HandOver['lock'] = {
    release() {
      lock?.release();
      lock = null;
    },
    takeBack() {
      lock = takeLock(directory);
      return lock !== null;
    },
  };

  /** Keeps what is in flight until that ends; when the successor dies nobody tells any more where it may go, and it gets the usual grace. */
  async function leave(successor: Successor): Promise<void> {
    stopping = true;
    clearInterval(unused);
    stopListening();
    const untold = await manager?.follow(successor.pid);
    if (untold) {
      log(
        `systemd does not know of the proxy that has taken over (${untold}): this process stays as long as that one, because both would be ended with it`,
      );
      ended.push(successor.gone);
    }
    const quiet = Promise.all([traffic.retire(), predecessor?.gone, ...ended]);
    await Promise.race([quiet, successor.gone.then(() => apps.close())]);
    await successor.bye();
    await pool?.close();
    process.exit(0);
  }

  /** Lets go of socket, ports and lock first, so that the next proxy can take over while requests in flight end here. */
  async function stop(reason: string): Promise<void> {
    if (stopping && lock) return;
    stopping = true;
    log(`ending: ${reason}`);
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    if (lock) {
      ended.push(control?.close() ?? Promise.resolve());
      rmSync(socket, { force: true });
    }
    // What comes from now on waits for the next proxy where somebody keeps the socket, and is refused elsewhere.
    stopListening();
    const closed = apps.close();
    key.release();
    await Promise.all([closed, ...ended]);
    await pool?.close();
    process.exit(0);
  }
}

/** Whoever just looks has it for a moment. */
async function takeTurnSoon(directory: string): Promise<Lock | null> {
  for (let tries = 5; tries > 0; tries -= 1) {
    const turn = takeTurn(directory);
    if (turn) return turn;
    await sleep(50);
  }
  return null;
}

/** With the options of Node and of the proxy that this one was started with. */
function commandOf([node, main]: [string, string]): string[] {
  return [
    node,
    ...process.execArgv,
    main,
    '--dir',
    directory,
    ...(values.workers === undefined ? [] : ['--workers', values.workers]),
    ...(values.stay ? ['--stay'] : []),
  ];
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
async function waitForLock(directory: string): Promise<Lock> {
  log(`another proxy runs in ${directory}: waiting for it to end`);
  for (;;) {
    await sleep(LOCK_LOOK_MS);
    const lock = takeLock(directory);
    if (lock) return lock;
  }
}

function log(line: string): void {
  process.stderr.write(inJournald ? journaldLine(line) : `${new Date().toISOString()} pid ${process.pid} ${line}\n`);
}

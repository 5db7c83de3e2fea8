import type { Socket } from 'node:net';
import type { SharedRoute } from '../route-table.ts';
import type { Limits } from '../splice/limits.ts';
import type { SavedApp } from '../store.ts';
import type { OrderName, Orders, Origin } from './messages.ts';
import { LOOK_INTERVAL_MS, startWorker, type Worker } from './worker.ts';

/** One on its way while one is being taken; the others wait here, for whichever worker is free first. */
const MAX_UNTAKEN = 2;
/** A worker that ended this soon after its start is replaced with a pause, which doubles each time. */
const YOUNG_MS = 2_000;
const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;
/** A connection that no worker could be found for is closed after this long: without workers they would use up all file descriptors. */
const MAX_WAIT_MS = 10_000;

/** A connection that came on a listener of the proxy. It stays open here, unread, until a worker has it. */
export interface Connection {
  origin: Origin;
  socket: Socket;
  /** Whether the listener is still there. */
  wanted: () => boolean;
  /** When it came, in milliseconds of `performance.now()`. */
  since: number;
}

/** The worker processes: as many as wanted, each replaced when it ends, and each told of every app before it gets a connection. */
export interface WorkerPool {
  /** How many take connections. */
  ready(): number;
  /** Connections that no worker has been found for yet. */
  waiting(): number;
  /** Tells all what an app's requests are to meet; null for nothing any more. Resolves when no worker acts on anything else. */
  set(app: number, routes: SavedApp | null): Promise<void>;
  /** As `set`, for the routes of a listener that apps share. */
  share(listener: number, routes: readonly SharedRoute[] | null): Promise<void>;
  /** Asks all that take connections. Null for one that ended meanwhile. */
  askAll<Name extends OrderName>(
    order: Name,
    of: Orders[Name]['of'],
    options?: { signal?: AbortSignal },
  ): Promise<(Orders[Name]['answer'] | null)[]>;
  /** Hands a connection to a worker, in turn; to another one when that ends before it has it. */
  give(connection: Connection): void;
  /** Ends all workers; resolves when they are gone. */
  close(): Promise<void>;
}

export function createWorkerPool(size: number, limits: Partial<Limits>, log: (line: string) => void): WorkerPool {
  const workers = new Set<Worker>();
  const apps = new Map<number, SavedApp>();
  const shared = new Map<number, readonly SharedRoute[]>();
  const waiting: Connection[] = [];
  let pauseMs = 0;
  let closing = false;
  const looks = setInterval(() => {
    for (const worker of workers) worker.look();
    dropLate();
  }, LOOK_INTERVAL_MS).unref();

  for (let i = 0; i < size; i += 1) start();

  function start(): void {
    if (closing) return;
    const since = performance.now();
    const worker = startWorker({
      limits,
      log,
      onReady: handOver,
      onGone: () => {
        workers.delete(worker);
        if (closing) return;
        const young = performance.now() - since < YOUNG_MS;
        pauseMs = young ? Math.min(Math.max(MIN_PAUSE_MS, pauseMs * 2), MAX_PAUSE_MS) : 0;
        setTimeout(start, pauseMs);
      },
    });
    workers.add(worker);
    for (const [app, routes] of apps) void worker.ask('set', { app, routes });
    for (const [listener, routes] of shared) void worker.ask('share', { listener, routes });
  }

  function handOver(): void {
    for (let worker = freeWorker(); worker && waiting.length > 0; worker = freeWorker()) {
      const connection = waiting.shift();
      if (connection) hand(connection, worker);
    }
  }

  function hand(connection: Connection, worker: Worker): void {
    const { origin, socket, wanted } = connection;
    if (!wanted()) {
      socket.destroy();
      return;
    }
    // The next one's turn.
    workers.delete(worker);
    workers.add(worker);
    void worker.ask('take', origin, { socket }).then((taken) => {
      if (taken) socket.destroy();
      else waiting.unshift(connection);
      handOver();
    });
  }

  function dropLate(): void {
    const late = performance.now() - MAX_WAIT_MS;
    while (waiting[0] && waiting[0].since < late) waiting.shift()?.socket.destroy();
  }

  /** Of those with the fewest connections to take, the one whose turn it is. */
  function freeWorker(): Worker | null {
    let free: Worker | null = null;
    let fewest = MAX_UNTAKEN;
    for (const worker of workers) {
      if (!worker.ready() || worker.untaken() >= fewest) continue;
      free = worker;
      fewest = worker.untaken();
    }
    return free;
  }

  const askAll: WorkerPool['askAll'] = async (order, of, options) => {
    const asked = [...workers].filter((worker) => worker.ready()).map((worker) => worker.ask(order, of, options));
    return (await Promise.all(asked)).map((result) => result?.answer ?? null);
  };

  async function tellAll<Name extends OrderName>(order: Name, of: Orders[Name]['of']): Promise<void> {
    // One that is just starting confirms it too before it gets a connection: nobody has to wait for that.
    const told = [...workers].map((worker) => ({ starting: !worker.ready(), confirmed: worker.ask(order, of) }));
    await Promise.all(told.map(({ starting, confirmed }) => (starting ? null : confirmed)));
  }

  return {
    waiting: () => waiting.length,
    ready: () => [...workers].filter((worker) => worker.ready()).length,
    async set(app, routes) {
      if (routes) apps.set(app, routes);
      else apps.delete(app);
      await tellAll('set', { app, routes });
    },
    async share(listener, routes) {
      if (routes) shared.set(listener, routes);
      else shared.delete(listener);
      await tellAll('share', { listener, routes });
    },
    askAll,
    give(connection) {
      waiting.push(connection);
      handOver();
    },
    async close() {
      closing = true;
      clearInterval(looks);
      for (const { socket } of waiting.splice(0)) socket.destroy();
      await Promise.all([...workers].map((worker) => worker.end()));
    },
  };
}

import { addStats, createKeeper } from '../counts.ts';
import type { Listener } from '../data-path.ts';
import { addUp } from '../in-flight.ts';
import { listenOn } from '../listening.ts';
import type { Traffic } from '../traffic.ts';
import type { Origin } from './messages.ts';
import type { WorkerPool } from './pool.ts';

/** Between two looks at whether connections still wait for a worker. */
const WAITING_LOOK_MS = 20;

/**
 * Apps whose requests workers move. The ports are this process's own, so that they outlive any worker; connections are accepted here, and handed over
 * unread.
 */
export function createSpreadTraffic(pool: WorkerPool): Traffic {
  let lastApp = 0;
  let lastListener = 0;
  return {
    create(_name, initial) {
      lastApp += 1;
      const app = lastApp;
      let target = initial.target;
      const keep = createKeeper();
      void pool.set(app, initial);
      return {
        id: app,
        set(routes) {
          target = routes.target;
          return pool.set(app, routes);
        },
        listen(port, host, side) {
          lastListener += 1;
          return listen({ pool, origin: { app, listener: lastListener, side }, port, host });
        },
        async drain(body, signal) {
          if (target?.instance === body.instance) return { drained: false, closed_streams: 0, abandoned_requests: 0 };
          const results = await pool.askAll('drain', { app, body }, { signal });
          return {
            // What a worker had in flight when it ended was cut.
            drained: results.every((result) => result?.drained === true),
            closed_streams: sum(results, (result) => result?.closed_streams),
            abandoned_requests: sum(results, (result) => result?.abandoned_requests),
          };
        },
        inFlight: async () => addUp((await pool.askAll('in_flight', { app })).flatMap((each) => each ?? [])),
        stats: async () => keep(addStats((await pool.askAll('stats', { app })).flatMap((each) => each ?? []))),
        close: () => void pool.set(app, null),
      };
    },
    async retire() {
      do {
        // What waits for a worker is handed over later than the order would be.
        while (pool.waiting() > 0) await new Promise((resolve) => setTimeout(resolve, WAITING_LOOK_MS));
        await pool.askAll('retire', {});
      } while (pool.waiting() > 0);
    },
    async share(port, host, routes) {
      lastListener += 1;
      const listener = lastListener;
      try {
        // First: connections may come at once, and want their certificates.
        await pool.share(listener, routes);
        const { close } = await listen({ pool, origin: { listener, side: 'shared' }, port, host });
        return {
          set: (next) => pool.share(listener, next),
          close: async (graceMs) => {
            await close(graceMs);
            await pool.share(listener, null);
          },
        };
      } catch (error) {
        await pool.share(listener, null);
        throw error;
      }
    },
  };
}

interface ListenOptions {
  pool: WorkerPool;
  origin: Origin;
  port: number;
  host: string;
}

async function listen({ pool, origin, port, host }: ListenOptions): Promise<Listener> {
  let open = true;
  const listening = await listenOn({ port, host }, { pauseOnConnect: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    pool.give({ origin, socket, wanted: () => open, since: performance.now() });
  });
  return {
    async close(graceMs) {
      open = false;
      // Connections that workers have are theirs to end.
      void listening.close();
      await pool.askAll('close', { listener: origin.listener, grace_ms: graceMs });
    },
  };
}

function sum<T>(all: readonly T[], count: (one: T) => number | undefined): number {
  return all.reduce((total, one) => total + (count(one) ?? 0), 0);
}

import { type App, CLOSE_GRACE_MS } from './app.ts';
import { listenEverywhere } from './listen.ts';
import type { SharedRoute } from './route-table.ts';
import { createCertificates } from './tls/certificates.ts';
import type { SharedListener, Traffic } from './traffic.ts';

/** The ports that apps are served on by host and path: each is held for as long as some app has a route there. */
export interface SharedPorts {
  /** Whether it listens there. */
  holds(port: number): boolean;
  /**
   * Listens on the ports of an app's routes where it does not yet. Rejects with the system's error, and has changed nothing then. Answers a function that
   * makes the routes of all these apps, and no others, count, and one that undoes.
   */
  prepare(app: App, all: readonly App[]): Promise<{ commit: () => Promise<void>; undo: () => Promise<void> }>;
  /** The routes of these apps, and no others, count. */
  settle(apps: Iterable<App>): Promise<void>;
  /** As `settle`, but keeps every port. */
  follow(apps: Iterable<App>): Promise<void>;
  /** Listens wherever these apps have routes; a port that cannot be had is logged and left out. */
  restore(apps: Iterable<App>): Promise<void>;
  /** Frees the port, if it has it, at once. */
  release(port: number): void;
  close(): Promise<void>;
}

export function createSharedPorts(traffic: Traffic, log: (line: string) => void): SharedPorts {
  // Whoever moves the bytes reads them too; here is said what there is to say of them.
  const certificates = createCertificates(log);
  const ports = new Map<number, SharedListener>();

  async function open(port: number, routes: readonly SharedRoute[]): Promise<SharedListener> {
    const listener = await listenEverywhere((host) => traffic.share(port, host, routes));
    ports.set(port, listener);
    return listener;
  }

  async function prepare(app: App, all: readonly App[]): ReturnType<SharedPorts['prepare']> {
    const wanted = routesByPort(all);
    const opened: number[] = [];
    const undo = async (): Promise<void> => {
      await Promise.all(opened.map((port) => give(port, 0)));
    };
    try {
      for (const port of routesByPort([app]).keys()) {
        if (ports.has(port)) continue;
        await open(port, wanted.get(port) ?? []);
        opened.push(port);
      }
    } catch (error) {
      await undo();
      throw error;
    }
    return { undo, commit: () => commit(wanted) };
  }

  async function commit(wanted: ReadonlyMap<number, readonly SharedRoute[]>): Promise<void> {
    const told: Promise<void>[] = [];
    for (const [port, listener] of ports) {
      const routes = wanted.get(port);
      if (routes) told.push(listener.set(routes));
      else void give(port, CLOSE_GRACE_MS);
    }
    const tls = [...wanted.values()].flat().flatMap((route) => route.tls ?? []);
    await Promise.all([...told, certificates.use(tls)]);
  }

  async function give(port: number, graceMs: number): Promise<void> {
    const listener = ports.get(port);
    ports.delete(port);
    await listener?.close(graceMs);
  }

  return {
    holds: (port) => ports.has(port),
    prepare,
    settle: (apps) => commit(routesByPort(apps)),
    async follow(apps) {
      const wanted = routesByPort(apps);
      await Promise.all([...ports].map(([port, listener]) => listener.set(wanted.get(port) ?? [])));
    },
    async restore(apps) {
      const wanted = routesByPort(apps);
      for (const [port, routes] of wanted) {
        if (ports.has(port)) continue;
        await open(port, routes).catch((error: Error) => log(`the routes on port ${port} cannot be served yet: ${error.message}`));
      }
      await commit(wanted);
    },
    release: (port) => void give(port, CLOSE_GRACE_MS),
    close: async () => {
      certificates.close();
      await Promise.all([...ports.keys()].map((port) => give(port, CLOSE_GRACE_MS)));
    },
  };
}

function routesByPort(apps: Iterable<App>): Map<number, SharedRoute[]> {
  const byPort = new Map<number, SharedRoute[]>();
  for (const app of apps) {
    for (const route of app.saved().routes ?? []) {
      byPort.set(route.port, [...(byPort.get(route.port) ?? []), { ...route, app: app.id }]);
    }
  }
  return byPort;
}

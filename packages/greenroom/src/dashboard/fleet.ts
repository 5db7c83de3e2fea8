/** All apps of the machine, followed as long as somebody watches. */
import type { GreenroomClient } from '@greenroom/sdk/client';
import { type BrokenEntry, type DashboardApp, type DashboardLoad, LOAD_INTERVAL_MS, LOAD_SAMPLES } from '@greenroom/sdk/dashboard';
import { type Changes, createChanges } from '../changes.ts';
import { type FleetEntry, type Follower, followApp } from './follower.ts';
import { createSampler } from './sampler.ts';

/** Between two looks at the registry. */
const REGISTRY_EVERY_MS = 2_000;
/** Somebody who reloads the page comes back to what was known. */
const LINGER_MS = 10_000;
/** How long the first answers of all apps are waited for. */
const FIRST_ANSWERS_MS = 2_000;

export interface FleetOptions {
  /** The machine's registry, as it is now. */
  registered(): Promise<{ apps: FleetEntry[]; broken: BrokenEntry[] }>;
  log(message: string): void;
  /** Between two samples of load. */
  loadIntervalMs?: number;
}

/** What is new, with the version that it came with. */
export type FleetNews =
  | { version: number; kind: 'app'; app: DashboardApp }
  | { version: number; kind: 'gone'; name: string }
  | { version: number; kind: 'registry'; broken: BrokenEntry[] }
  | { version: number; kind: 'load'; load: DashboardLoad };

export interface Fleet {
  /** Begins to follow, or goes on. Answers a function that ends it, a moment after the last one has. */
  watch(): () => void;
  /** Every app has answered or is known to be away, at the latest after two seconds. Only while watched. */
  ready(): Promise<void>;
  apps(): DashboardApp[];
  client(app: string): GreenroomClient | undefined;
  /** The newest samples, one for each app that has any. */
  latestLoads(): DashboardLoad[];
  /** What has changed after this version, oldest first; everything there is after 0. */
  since(version: number): FleetNews[];
  changes: Pick<Changes, 'version' | 'after' | 'closed'>;
  close(): Promise<void>;
}

export function createFleet({ registered, log, loadIntervalMs = LOAD_INTERVAL_MS }: FleetOptions): Fleet {
  const changes = createChanges();
  const apps = new Map<string, { follower: Follower; version: number }>();
  const gone = new Map<string, number>();
  const sampler = createSampler();
  let loads: { version: number; load: DashboardLoad }[] = [];
  let registry = { version: 0, broken: [] as BrokenEntry[], complaint: '' };
  let watchers = 0;
  let ending: NodeJS.Timeout | undefined;
  let timers: NodeJS.Timeout[] = [];
  let reading: Promise<void> | undefined;

  const next = (): number => {
    changes.changed();
    return changes.version();
  };

  function begin(): void {
    reading = readRegistry();
    timers = [
      setInterval(() => void readRegistry(), REGISTRY_EVERY_MS).unref(),
      setInterval(() => void takeSamples(), loadIntervalMs).unref(),
    ];
  }

  async function end(): Promise<void> {
    for (const timer of timers) clearInterval(timer);
    timers = [];
    reading = undefined;
    loads = [];
    registry = { version: 0, broken: [], complaint: '' };
    const followers = [...apps.values()].map((it) => it.follower.close());
    apps.clear();
    await Promise.all(followers);
  }

  async function readRegistry(): Promise<void> {
    const found = await registered().catch((error: Error) => error);
    if (timers.length === 0 || changes.closed()) return;
    if (found instanceof Error) {
      if (registry.complaint !== found.message) log(`The registry cannot be read: ${found.message}`);
      registry.complaint = found.message;
      return;
    }
    registry.complaint = '';
    for (const [name, { follower }] of apps) {
      const entry = found.apps.find((it) => it.name === name);
      if (entry?.socket === follower.entry.socket && entry.data === follower.entry.data) {
        follower.update(entry);
        continue;
      }
      apps.delete(name);
      await follower.close();
      if (!entry) gone.set(name, next());
    }
    for (const entry of found.apps) if (!apps.has(entry.name)) add(entry);
    // Said once in any case: it tells that all apps are known.
    if (registry.version === 0 || JSON.stringify(found.broken) !== JSON.stringify(registry.broken))
      registry = { ...registry, version: next(), broken: found.broken };
  }

  function add(entry: FleetEntry): void {
    gone.delete(entry.name);
    const changed = (): void => {
      const known = apps.get(entry.name);
      if (known?.follower === follower) known.version = next();
    };
    const follower = followApp({ entry, changed, log });
    apps.set(entry.name, { follower, version: next() });
  }

  async function takeSamples(): Promise<void> {
    const followed = [...apps.values()].map(({ follower }) => follower).filter((it) => it.app().reach === 'up');
    const samples = await sampler.take(followed);
    if (timers.length === 0 || samples.length === 0) return;
    const version = next();
    loads.push(...samples.map((load) => ({ version, load })));
    const oldest = Date.now() - LOAD_SAMPLES * LOAD_INTERVAL_MS;
    loads = loads.filter(({ load }) => load.at >= oldest);
  }

  return {
    changes,
    watch() {
      watchers += 1;
      clearTimeout(ending);
      if (timers.length === 0) begin();
      let watching = true;
      return () => {
        if (!watching) return;
        watching = false;
        watchers -= 1;
        if (watchers === 0) ending = setTimeout(() => void end(), LINGER_MS).unref();
      };
    },
    async ready() {
      await reading;
      const deadline = performance.now() + FIRST_ANSWERS_MS;
      for (;;) {
        const version = changes.version();
        const asking = [...apps.values()].some(({ follower }) => follower.app().reach === 'asking');
        const left = deadline - performance.now();
        if (!asking || left <= 0 || changes.closed()) return;
        await changes.after(version, left);
      }
    },
    apps: () => [...apps.values()].map(({ follower }) => follower.app()).sort((one, other) => one.name.localeCompare(other.name)),
    client: (name) => apps.get(name)?.follower.client,
    latestLoads: () => [...new Map(loads.map(({ load }) => [load.app, load])).values()],
    since(seen) {
      const news: FleetNews[] = [
        ...[...apps.values()].map(({ follower, version }) => ({ version, kind: 'app' as const, app: follower.app() })),
        ...[...gone].map(([name, version]) => ({ version, kind: 'gone' as const, name })),
        { version: registry.version, kind: 'registry', broken: registry.broken },
        ...loads.map(({ version, load }) => ({ version, kind: 'load' as const, load })),
      ];
      return news.filter((it) => it.version > seen).sort((one, other) => one.version - other.version);
    },
    async close() {
      clearTimeout(ending);
      changes.close();
      await end();
    },
  };
}

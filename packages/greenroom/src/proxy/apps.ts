import type {
  ProxyAppBody,
  ProxyAppStats,
  ProxyAppStatus,
  ProxyDrainBody,
  ProxyDrainResult,
  ProxyPreview,
  ProxyTarget,
} from '@greenroom/sdk/proxy';
import { type App, createApp } from './app.ts';
import type { Predecessor } from './hand-over/predecessor.ts';
import { addUp } from './in-flight.ts';
import { conflictOf, ownPorts, refuseListen } from './port-conflicts.ts';
import { type Answer, type Refused, refuse } from './refused.ts';
import { createSharedPorts } from './shared-ports.ts';
import type { RouteStore, SavedApp } from './store.ts';
import { readPair } from './tls/read-pair.ts';
import type { Traffic } from './traffic.ts';

/** The registered apps. Changes take effect one after the other, in call order, and are on disk before they answer. */
export interface Apps {
  /**
   * Takes up what was saved. A port that cannot be had is logged; the app's next registration tries it again. Rejects, before it has any port, when the
   * predecessor serves a certificate that cannot be read any more.
   */
  restore(): Promise<void>;
  register(name: string, body: ProxyAppBody): Promise<Answer<ProxyAppStatus>>;
  switchTo(name: string, target: ProxyTarget | null): Promise<Answer<ProxyAppStatus>>;
  preview(name: string, preview: ProxyPreview | null): Promise<Answer<ProxyAppStatus>>;
  drain(name: string, body: ProxyDrainBody, signal: AbortSignal): Promise<Answer<ProxyDrainResult>>;
  deregister(name: string): Promise<Answer<Record<string, never>>>;
  status(): Promise<ProxyAppStatus[]>;
  stats(): Promise<ProxyAppStats[]>;
  count(): number;
  /** Runs a job while nothing changes: what is asked for meanwhile waits. */
  hold<T>(job: () => Promise<T>): Promise<T>;
  /** Another process is the proxy from now on: changes are refused, but for those that it tells of. */
  handedOver(): void;
  /** What is still in flight here is to meet these apps as they are now, and is ended where they are gone. Nothing is saved, and no port is touched. */
  follow(apps: ReadonlyMap<string, SavedApp>): Promise<void>;
  /** Frees all ports; resolves when what was in flight ended or was cut. */
  close(): Promise<void>;
}

export interface AppsOptions {
  traffic: Traffic;
  store: RouteStore;
  /** The proxy that this one took over from. */
  predecessor: Predecessor | null;
  log: (line: string) => void;
  /** Called once when no app is left: the last one was deregistered, or the only one could not be registered. Null: stays for the next app. */
  onEmpty: (() => void) | null;
}

export function createApps({ traffic, store, predecessor, log, onEmpty }: AppsOptions): Apps {
  const apps = new Map<string, App>();
  const shared = createSharedPorts(traffic, log);
  const serially = createQueue();
  const ending = new Set<Promise<void>>();
  let closing = false;
  let handedOver = false;

  const create = (name: string, saved: SavedApp): App => createApp(name, saved, traffic.create(name, saved));

  async function saveWith(name: string, change: ((app: App) => object) | null): Promise<Refused | null> {
    const saved = new Map([...apps].map(([each, app]) => [each, app.saved()]));
    const app = apps.get(name);
    if (change && app) saved.set(name, { ...app.saved(), ...change(app) });
    else saved.delete(name);
    try {
      await store.save(saved);
      return null;
    } catch (error) {
      log(`cannot save the routes: ${(error as Error).message}`);
      return refuse(500, 'storage_failed', `the proxy cannot save its routes, and changed nothing: ${(error as Error).message}`);
    }
  }

  async function register(name: string, body: ProxyAppBody): Promise<Answer<ProxyAppStatus>> {
    if (closing) return refuse(503, 'shutting_down', 'the proxy is ending because its last app was deregistered; start another one');
    const known = apps.get(name);
    const routed = (body.routes ?? []).every(({ port }) => shared.holds(port));
    if (known?.listensOn(body) && routed) return { ok: true, value: await known.status() };
    const conflict = conflictOf(apps, name, body) ?? (await unusableCertificate(name, body));
    if (conflict) return conflict;
    const app = known ?? create(name, { ...body, target: null });
    const failed = await listenAndSave(app, body);
    if (failed) {
      if (!known) await app.close();
      return failed;
    }
    const more = [
      body.routes && `${body.routes.length} routes`,
      body.internal_port && `internal port ${body.internal_port}`,
      body.chat && `chat below ${body.chat.path}`,
    ].filter(Boolean);
    log(`app "${name}" registered on port ${[body.port, ...more].join(', ')}`);
    return { ok: true, value: await app.status() };
  }

  /** All of it, or nothing. */
  async function listenAndSave(app: App, body: ProxyAppBody): Promise<Refused | null> {
    const { name } = app;
    const before = [...apps.values()];
    const all = apps.has(name) ? before : [...before, app];
    // What was shared and is to be its own has to be free for that.
    for (const port of ownPorts(body)) shared.release(port);
    const undo: (() => Promise<unknown>)[] = [() => shared.restore(before)];
    const undoAll = async (): Promise<void> => {
      for (const each of undo.reverse()) await each();
    };
    try {
      const listening = await app.listen(body);
      undo.push(listening.undo);
      const sharing = await shared.prepare(app, all);
      undo.push(sharing.undo);
      apps.set(name, app);
      const failed = await saveWith(name, () => ({}));
      if (failed) {
        if (!before.includes(app)) apps.delete(name);
        await undoAll();
        return failed;
      }
      await sharing.commit();
      listening.commit();
      await tellPredecessor();
      return null;
    } catch (error) {
      await undoAll();
      return await refuseListen(name, body, error as NodeJS.ErrnoException);
    }
  }

  async function switchTo(name: string, target: ProxyTarget | null): Promise<Answer<ProxyAppStatus>> {
    const app = apps.get(name);
    if (!app) return unknownApp(name);
    const failed = await saveWith(name, () => ({ target }));
    if (failed) return failed;
    await Promise.all([app.route(target), tellPredecessor()]);
    log(`app "${name}" routed to ${target ? `instance ${target.instance} at ${target.host}:${target.port}` : 'nothing'}`);
    return { ok: true, value: await app.status() };
  }

  async function preview(name: string, shown: ProxyPreview | null): Promise<Answer<ProxyAppStatus>> {
    const app = apps.get(name);
    if (!app) return unknownApp(name);
    if (shown === null && !app.saved().preview) return { ok: true, value: await app.status() };
    const failed = await saveWith(name, () => ({ preview: shown }));
    if (failed) return failed;
    await Promise.all([app.show(shown), tellPredecessor()]);
    log(
      `app "${name}" ${shown ? `shows instance ${shown.target.instance} to whoever was given its address` : 'shows no preview any more'}`,
    );
    return { ok: true, value: await app.status() };
  }

  async function deregister(name: string): Promise<Answer<Record<string, never>>> {
    const app = apps.get(name);
    if (!app) return unknownApp(name);
    const failed = await saveWith(name, null);
    if (failed) return failed;
    apps.delete(name);
    await shared.settle(apps.values());
    await tellPredecessor();
    const ended = app.close().finally(() => ending.delete(ended));
    ending.add(ended);
    log(`app "${name}" deregistered`);
    endIfEmpty();
    return { ok: true, value: {} };
  }

  async function tellPredecessor(): Promise<void> {
    await predecessor?.follow(new Map([...apps].map(([name, app]) => [name, app.saved()])));
  }

  /** One change after the other, for as long as this process is the proxy. */
  function change<T>(job: () => Promise<Answer<T>>): Promise<Answer<T>> {
    return serially(async () => (handedOver ? refuse(503, 'shutting_down', 'another process is the proxy now: ask again') : await job()));
  }

  async function drain(app: App, body: ProxyDrainBody, signal: AbortSignal): Promise<ProxyDrainResult> {
    const [here, before] = await Promise.all([app.drain(body, signal), predecessor?.drain(app.name, body, signal)]);
    if (!before) return here;
    return {
      drained: here.drained && before.drained,
      closed_streams: here.closed_streams + before.closed_streams,
      abandoned_requests: here.abandoned_requests + before.abandoned_requests,
    };
  }

  function endIfEmpty(): void {
    if (apps.size > 0 || closing || !onEmpty) return;
    closing = true;
    onEmpty();
  }

  return {
    async restore() {
      const { apps: saved, damaged } = await store.load();
      if (damaged) log(`the saved routes cannot be understood and are put aside as ${damaged}; apps have to register again`);
      for (const [name, app] of predecessor ? saved : []) {
        const unusable = await unusableCertificate(name, app);
        if (unusable) throw new Error(unusable.error);
      }
      for (const [name, app] of saved) {
        const created = create(name, app);
        apps.set(name, created);
        const listening = await created.listen(app).catch((error: Error) => error);
        if (listening instanceof Error) log(`app "${name}" cannot listen yet: ${listening.message}`);
        else log(`app "${name}" restored on port ${app.port}, routed to ${app.target?.instance ?? 'nothing'}`);
      }
      await shared.restore(apps.values());
    },
    register: (name, body) =>
      change(async () => {
        const answer = await register(name, body);
        // A proxy that was started for this app alone has nothing to stay for.
        if (!answer.ok) endIfEmpty();
        return answer;
      }),
    preview: (name, shown) => change(() => preview(name, shown)),
    switchTo: (name, target) => change(() => switchTo(name, target)),
    deregister: (name) => change(() => deregister(name)),
    async drain(name, body, signal) {
      const app = apps.get(name);
      if (!app) return unknownApp(name);
      const value = await drain(app, body, signal);
      log(
        `app "${name}" instance ${body.instance} ${value.drained ? 'drained' : 'not drained'}: ${value.closed_streams} streams closed, ${value.abandoned_requests} requests given up`,
      );
      return { ok: true, value };
    },
    async status() {
      const [here, before] = await Promise.all([Promise.all([...apps.values()].map((app) => app.status())), predecessor?.inFlight()]);
      return here.map((it) => ({ ...it, in_flight: addUp([...it.in_flight, ...(before?.[it.app] ?? [])]) }));
    },
    stats: () => Promise.all([...apps.values()].map((app) => app.stats())),
    count: () => apps.size,
    hold: (job) => serially(job),
    handedOver() {
      handedOver = true;
    },
    async follow(now) {
      const told: Promise<unknown>[] = [];
      for (const [name, app] of apps) {
        const routes = now.get(name);
        if (routes) told.push(app.follow(routes));
        else {
          apps.delete(name);
          void app.close();
        }
      }
      told.push(shared.follow(apps.values()), tellPredecessor());
      await Promise.all(told);
    },
    async close() {
      closing = true;
      await Promise.all([...ending, ...[...apps.values()].map((app) => app.close()), shared.close()]);
    },
  };
}

async function unusableCertificate(name: string, { routes = [] }: ProxyAppBody): Promise<Refused | null> {
  for (const { tls } of routes) {
    const read = tls && (await readPair(tls));
    if (read && !read.ok) return refuse(400, 'certificate_refused', `a route of app "${name}" cannot be served by HTTPS: ${read.error}`);
  }
  return null;
}

/** Runs jobs one after the other, in call order; a failed one does not stop the next. */
function createQueue(): <T>(job: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const result = last.then(job);
    last = result.catch(() => undefined);
    return result;
  };
}

function unknownApp(name: string): Refused {
  return refuse(404, 'unknown_app', `app "${name}" is not registered with this proxy: register it first`);
}

/** Everything that the page knows, and all that can be done on it. Views read it and call it; `subscribe` says when to draw again. */
import type { BrokenEntry, DashboardApp, DashboardLoad } from '@greenroom/sdk/dashboard';
import { isTemporary } from '../answer.ts';
import { type Connection, followStream } from '../follow.ts';
import type { ServerEvent } from '../sse.ts';
import { announcementOf } from './announce.ts';
import type { Answer, Change, DashboardApi, Who } from './api.ts';
import { HIDDEN_MS } from './hidden.ts';
import { linkTo, type Route, readRoute } from './route.ts';

export type Phase = { name: 'loading' } | { name: 'unreachable' } | { name: 'closed'; why: string } | { name: 'ready'; who: Who };

export interface DashboardStore {
  readonly api: DashboardApi;
  readonly phase: Phase;
  readonly connection: Connection;
  readonly route: Route;
  /** By name; null until the first ones are known. */
  readonly apps: readonly DashboardApp[] | null;
  readonly broken: readonly BrokenEntry[];
  /** For screen readers. */
  readonly announcement: string;
  app(name: string): DashboardApp | undefined;
  /** Samples of an app, oldest first. */
  loads(name: string): readonly DashboardLoad[];
  subscribe(listener: () => void): () => void;
  start(): Promise<void>;
  logout(): void;
  retry(): void;
  /** Empty when it was taken, else why not, as a sentence. `done` is said to screen readers. */
  change(app: string, change: Change, done: string): Promise<string>;
}

const RETRY_MS = 2_000;
/** As long as the dashboard itself keeps them. */
const LOADS_KEPT_MS = 300_000;

export function createDashboardStore(api: DashboardApi): DashboardStore {
  const listeners = new Set<() => void>();
  const apps = new Map<string, DashboardApp>();
  const loads = new Map<string, DashboardLoad[]>();
  let sorted: DashboardApp[] | null = null;
  let phase: Phase = { name: 'loading' };
  let connection: Connection = 'connecting';
  let broken: BrokenEntry[] = [];
  let announcement = '';
  let lastEventId = '';
  let route = readRoute(location.hash);
  let stream: { close(): void; retry(): void } | undefined;
  let drawing = false;

  /** Many events come at once: one drawing for all of them. */
  const changed = (): void => {
    if (drawing) return;
    drawing = true;
    queueMicrotask(() => {
      drawing = false;
      for (const listener of listeners) listener();
    });
  };

  async function start(): Promise<void> {
    const token = takeToken();
    route = readRoute(location.hash);
    window.addEventListener('hashchange', () => {
      const link = takeToken();
      route = readRoute(location.hash);
      if (link !== undefined) void enter(link);
      changed();
    });
    await enter(token);
  }

  function takeToken(): string | undefined {
    const token = /^#token=([\w.-]+)$/.exec(location.hash)?.[1];
    // Out of the address bar and its history before anything else: it is of no use a second time.
    if (token !== undefined) history.replaceState(null, '', linkTo({ name: 'all' }));
    return token;
  }

  async function enter(token?: string): Promise<void> {
    if (token === undefined && !api.hasKey()) return close('');
    const answer = token === undefined ? await api.session() : await api.login(token);
    if (answer.ok) {
      phase = { name: 'ready', who: answer.value };
      stream?.close();
      stream = follow();
    } else if (isTemporary(answer)) {
      phase = { name: 'unreachable' };
      setTimeout(() => void enter(token), RETRY_MS);
    } else if (token !== undefined && api.hasKey()) return await enter();
    else close(token === undefined ? '' : answer.refusal.error);
    changed();
  }

  function close(why: string): void {
    stream?.close();
    stream = undefined;
    phase = { name: 'closed', why };
    changed();
  }

  function follow(): { close(): void; retry(): void } {
    return followStream({
      open: (signal) => api.stream(lastEventId, signal),
      event: take,
      hiddenMs: HIDDEN_MS,
      connection(now) {
        connection = now;
        // Every connection brings the samples of the last minutes anew.
        if (now === 'live') loads.clear();
        changed();
      },
      refused: () => close('The session has ended.'),
    });
  }

  function take({ id, event, data }: ServerEvent): void {
    if (id) lastEventId = id;
    if (event === 'app') {
      const app = JSON.parse(data) as DashboardApp;
      announcement = announcementOf(apps.get(app.name), app) || announcement;
      apps.set(app.name, app);
      sorted = sort(apps);
    } else if (event === 'gone') {
      const { name } = JSON.parse(data) as { name: string };
      apps.delete(name);
      loads.delete(name);
      sorted = sort(apps);
    } else if (event === 'registry') {
      broken = JSON.parse(data) as BrokenEntry[];
      sorted ??= [];
    } else if (event === 'load') {
      const load = JSON.parse(data) as DashboardLoad;
      const kept = (loads.get(load.app) ?? []).filter(({ at }) => at > load.at - LOADS_KEPT_MS);
      loads.set(load.app, [...kept, load]);
    }
    changed();
  }

  return {
    api,
    get phase() {
      return phase;
    },
    get connection() {
      return connection;
    },
    get route() {
      return route;
    },
    get apps() {
      return sorted;
    },
    get broken() {
      return broken;
    },
    get announcement() {
      return announcement;
    },
    app: (name) => apps.get(name),
    loads: (name) => loads.get(name) ?? [],
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start,
    logout() {
      void api.logout().then(() => close('You are signed out.'));
    },
    retry: () => stream?.retry(),
    async change(app, change, done) {
      const answer: Answer<unknown> = await api.change(app, change);
      if (!answer.ok) return answer.refusal.error;
      announcement = done;
      changed();
      return '';
    },
  };
}

function sort(apps: Map<string, DashboardApp>): DashboardApp[] {
  return [...apps.values()].sort((one, other) => one.name.localeCompare(other.name));
}

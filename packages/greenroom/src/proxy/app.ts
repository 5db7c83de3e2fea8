import { isDeepStrictEqual } from 'node:util';
import type {
  ProxyAppBody,
  ProxyAppStats,
  ProxyAppStatus,
  ProxyDrainBody,
  ProxyDrainResult,
  ProxyInFlight,
  ProxyPreview,
  ProxyTarget,
} from '@greenroom/sdk/proxy';
import type { Listener } from './data-path.ts';
import { listenEverywhere } from './listen.ts';
import type { SavedApp } from './store.ts';
import type { AppTraffic } from './traffic.ts';

/** How long requests in flight may go on after their port was given back. */
export const CLOSE_GRACE_MS = 2_000;

/** One registered app: its own listeners, and what its requests are to meet. Those that its routes share with others are not here. */
export interface App {
  readonly name: string;
  /** Number of its traffic. */
  readonly id: number;
  saved(): SavedApp;
  /** Whether it is registered, and listens, as the body says. */
  listensOn(body: ProxyAppBody): boolean;
  /** Listens where the body says; addresses it already has stay open throughout. Answers a function that gives back what is no longer wanted, and one that undoes. */
  listen(body: ProxyAppBody): Promise<{ commit: () => void; undo: () => Promise<void> }>;
  /** All that its requests are to meet, without its own ports: they are another process's by now. */
  follow(app: SavedApp): Promise<void>;
  /** Resolves when every request read from then on goes there. */
  route(target: ProxyTarget | null): Promise<void>;
  /** As `route`, for whoever has the token. */
  show(preview: ProxyPreview | null): Promise<void>;
  drain(body: ProxyDrainBody, signal: AbortSignal): Promise<ProxyDrainResult>;
  status(): Promise<ProxyAppStatus>;
  stats(): Promise<ProxyAppStats>;
  /** Frees the ports at once; resolves when what was in flight ended or was cut. */
  close(): Promise<void>;
}

interface Bound {
  port: number;
  /** An address, or all interfaces. */
  host: string;
  listener: Listener;
}

const EVERYWHERE = '';

export function createApp(name: string, initial: SavedApp, traffic: AppTraffic): App {
  let saved = initial;
  let publicSide: Bound | null = null;
  let internalSide: Bound | null = null;

  function change(next: SavedApp): Promise<void> {
    saved = next;
    return traffic.set(next);
  }

  async function listen(wanted: ProxyAppBody): Promise<{ commit: () => void; undo: () => Promise<void> }> {
    const before = { publicSide, internalSide, body: bodyOf(saved) };
    const opened: Listener[] = [];
    const host = wanted.port_host ?? EVERYWHERE;
    // A port that is to be had at other addresses, or to be shared, has to be free for that: for a moment nobody listens there.
    const freed = publicSide && mustBeFree(publicSide, host, wanted) ? publicSide : null;
    const undo = async (): Promise<void> => {
      ({ publicSide, internalSide } = before);
      await change({ ...targetsOf(saved), ...before.body });
      await Promise.all(opened.map((listener) => listener.close(0)));
      // Where it cannot be had any more, the next registration tries again.
      if (freed) publicSide = await bind(freed.port, freed.host).catch(() => null);
    };
    try {
      if (freed) void freed.listener.close(CLOSE_GRACE_MS);
      if (publicSide?.port !== wanted.port || freed) {
        publicSide = await bind(wanted.port, host);
        opened.push(publicSide.listener);
      }
      if (wanted.internal_port === undefined) internalSide = null;
      else if (internalSide?.port !== wanted.internal_port) {
        const listener = await traffic.listen(wanted.internal_port, '127.0.0.1', 'internal');
        opened.push(listener);
        internalSide = { port: wanted.internal_port, host: '127.0.0.1', listener };
      }
    } catch (error) {
      await undo();
      throw error;
    }
    await change({ ...targetsOf(saved), ...bodyOf(wanted) });
    return {
      undo,
      commit: () => {
        if (before.publicSide !== publicSide && !freed) void before.publicSide?.listener.close(CLOSE_GRACE_MS);
        if (before.internalSide !== internalSide) void before.internalSide?.listener.close(CLOSE_GRACE_MS);
      },
    };
  }

  async function bind(port: number, host: string): Promise<Bound> {
    const listen = (at: string): Promise<Listener> => traffic.listen(port, at, 'public');
    return { port, host, listener: host === EVERYWHERE ? await listenEverywhere(listen) : await listen(host) };
  }

  return {
    name,
    id: traffic.id,
    saved: () => saved,
    listensOn: (wanted) =>
      publicSide?.port === wanted.port && internalSide?.port === wanted.internal_port && isDeepStrictEqual(bodyOf(saved), bodyOf(wanted)),
    listen,
    follow: (next) => change(next),
    route: (target) => change({ ...saved, target }),
    show: (preview) => change({ ...bodyOf(saved), target: saved.target, ...(preview ? { preview } : {}) }),
    drain: (body, signal) => traffic.drain(body, signal),
    status: async () => statusOf(name, saved, await traffic.inFlight()),
    stats: async () => ({ app: name, ...(await traffic.stats()) }),
    async close() {
      const open = [publicSide, internalSide];
      publicSide = null;
      internalSide = null;
      await Promise.all(open.map((side) => side?.listener.close(CLOSE_GRACE_MS)));
      traffic.close();
    },
  };
}

function mustBeFree({ port, host }: Bound, wantedHost: string, wanted: ProxyAppBody): boolean {
  if (port === wanted.port) return host !== wantedHost;
  return wanted.routes?.some((route) => route.port === port) ?? false;
}

function statusOf(app: string, saved: SavedApp, in_flight: ProxyInFlight[]): ProxyAppStatus {
  const { target, preview } = saved;
  return { app, ...bodyOf(saved), target, ...(preview ? { preview: preview.target.instance } : {}), in_flight };
}

function bodyOf({ port, port_host, internal_port, chat, routes, trusted_proxies }: ProxyAppBody): ProxyAppBody {
  return {
    port,
    ...(port_host === undefined ? {} : { port_host }),
    ...(internal_port === undefined ? {} : { internal_port }),
    ...(chat ? { chat } : {}),
    ...(routes && routes.length > 0 ? { routes } : {}),
    ...(trusted_proxies && trusted_proxies.length > 0 ? { trusted_proxies } : {}),
  };
}

function targetsOf({ target, preview }: SavedApp): Pick<SavedApp, 'target' | 'preview'> {
  return { target, ...(preview ? { preview } : {}) };
}

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
import type { SavedApp } from './store.ts';
import type { AppTraffic } from './traffic.ts';

/** How long requests in flight may go on after their port was given back. */
export const CLOSE_GRACE_MS = 2_000;

/** One registered app: its listeners, and what its requests are to meet. */
export interface App {
  readonly name: string;
  saved(): SavedApp;
  /** Whether it is registered, and listens, as the body says. */
  listensOn(body: ProxyAppBody): boolean;
  /** Listens where the body says; addresses it already has stay open throughout. Answers a function that gives back what is no longer wanted, and one that undoes. */
  listen(body: ProxyAppBody): Promise<{ commit: () => void; undo: () => Promise<void> }>;
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
  listener: Listener;
}

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
    const undo = async (): Promise<void> => {
      ({ publicSide, internalSide } = before);
      await change({ ...routesOf(saved), ...before.body });
      await Promise.all(opened.map((listener) => listener.close(0)));
    };
    try {
      if (publicSide?.port !== wanted.port) {
        const listener = await listenEverywhere(traffic, wanted.port);
        opened.push(listener);
        publicSide = { port: wanted.port, listener };
      }
      if (wanted.internal_port === undefined) internalSide = null;
      else if (internalSide?.port !== wanted.internal_port) {
        const listener = await traffic.listen(wanted.internal_port, '127.0.0.1', 'internal');
        opened.push(listener);
        internalSide = { port: wanted.internal_port, listener };
      }
    } catch (error) {
      await undo();
      throw error;
    }
    await change({ ...routesOf(saved), ...bodyOf(wanted) });
    return {
      undo,
      commit: () => {
        if (before.publicSide !== publicSide) void before.publicSide?.listener.close(CLOSE_GRACE_MS);
        if (before.internalSide !== internalSide) void before.internalSide?.listener.close(CLOSE_GRACE_MS);
      },
    };
  }

  return {
    name,
    saved: () => saved,
    listensOn: (wanted) =>
      publicSide?.port === wanted.port &&
      internalSide?.port === wanted.internal_port &&
      saved.chat?.path === wanted.chat?.path &&
      saved.chat?.socket === wanted.chat?.socket,
    listen,
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

/** All interfaces, IPv6 and IPv4 in one; IPv4 alone on a machine without IPv6. */
async function listenEverywhere(traffic: AppTraffic, port: number): Promise<Listener> {
  try {
    return await traffic.listen(port, '::', 'public');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    return traffic.listen(port, '0.0.0.0', 'public');
  }
}

function statusOf(app: string, saved: SavedApp, in_flight: ProxyInFlight[]): ProxyAppStatus {
  const { target, preview } = saved;
  return { app, ...bodyOf(saved), target, ...(preview ? { preview: preview.target.instance } : {}), in_flight };
}

function bodyOf({ port, internal_port, chat }: ProxyAppBody): ProxyAppBody {
  return { port, ...(internal_port === undefined ? {} : { internal_port }), ...(chat ? { chat } : {}) };
}

function routesOf({ target, preview }: SavedApp): Pick<SavedApp, 'target' | 'preview'> {
  return { target, ...(preview ? { preview } : {}) };
}

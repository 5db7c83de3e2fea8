import type { ProxyAppBody, ProxyAppStatus, ProxyPreview, ProxyTarget } from '@greenroom/sdk/proxy';
import type { DataPath, Destination, Listener, PickDestination } from './data-path.ts';
import { createInstanceTraffic, type InstanceTraffic } from './instance.ts';
import { type ChatSide, chatSide, pickPublic, type Shown } from './public-side.ts';
import type { SavedApp } from './store.ts';

/** How long requests in flight may go on after their port was given back. */
const CLOSE_GRACE_MS = 2_000;

/** One registered app: its listeners, its route, and what is in flight to each of its instances. */
export interface App {
  readonly name: string;
  saved(): SavedApp;
  /** Whether it is registered, and listens, as the body says. */
  listensOn(body: ProxyAppBody): boolean;
  /** Listens where the body says; addresses it already has stay open throughout. Answers a function that gives back what is no longer wanted, and one that undoes. */
  listen(body: ProxyAppBody): Promise<{ commit: () => void; undo: () => Promise<void> }>;
  route(target: ProxyTarget | null): void;
  show(preview: ProxyPreview | null): void;
  /** What is in flight to an instance; undefined when nothing is and it is neither routed to nor shown. */
  traffic(instance: string): InstanceTraffic | undefined;
  isTarget(instance: string): boolean;
  status(): ProxyAppStatus;
  /** Frees the ports at once; resolves when what was in flight ended or was cut. */
  close(): Promise<void>;
}

interface Bound {
  port: number;
  listener: Listener;
}

export function createApp(name: string, initial: SavedApp, dataPath: DataPath): App {
  let body: ProxyAppBody = bodyOf(initial);
  let chat: ChatSide | null = chatSide(body);
  let target: ProxyTarget | null = null;
  let current: { traffic: InstanceTraffic; public: Destination; internal: Destination | null } | null = null;
  let publicSide: Bound | null = null;
  let internalSide: Bound | null = null;
  let shown: (Shown & { preview: ProxyPreview; traffic: InstanceTraffic }) | null = null;
  const instances = new Map<string, InstanceTraffic>();
  const pick: PickDestination = (path, cookies) => pickPublic({ live: current?.public ?? null, chat, shown }, path, cookies);
  const pickInternal: PickDestination = () => current?.internal ?? null;

  route(initial.target);
  show(initial.preview ?? null);

  function route(next: ProxyTarget | null): void {
    const previous = current?.traffic;
    const moved = target && !sameAddress(target, next) ? target : null;
    target = next;
    current = next ? destinationsOf(trafficFor(next), next) : null;
    // An instance that is started again on other ports keeps its id, and its old address is nobody's.
    if (moved && moved.instance === next?.instance) forget(moved);
    previous?.notify();
    if (current && current.traffic !== previous) current.traffic.notify();
  }

  function show(preview: ProxyPreview | null): void {
    const previous = shown?.traffic;
    const traffic = preview && trafficFor(preview.target);
    shown =
      preview && traffic ? { token: preview.token, destination: destinationsOf(traffic, preview.target).public, preview, traffic } : null;
    previous?.notify();
  }

  function trafficFor(next: ProxyTarget): InstanceTraffic {
    const known = instances.get(next.instance);
    if (known) {
      known.target = next;
      return known;
    }
    const traffic = createInstanceTraffic(next);
    instances.set(next.instance, traffic);
    traffic.onChange(() => {
      if (traffic === current?.traffic || traffic === shown?.traffic || traffic.requests() + traffic.streams() > 0) return;
      if (instances.get(traffic.instance) === traffic) instances.delete(traffic.instance);
      if (!target || !sameAddress(traffic.target, target)) forget(traffic.target);
    });
    return traffic;
  }

  function forget(address: ProxyTarget): void {
    dataPath.forget(address.host, address.port);
    if (address.internal_port) dataPath.forget(address.host, address.internal_port);
  }

  async function listen(wanted: ProxyAppBody): Promise<{ commit: () => void; undo: () => Promise<void> }> {
    const before = { publicSide, internalSide, body, chat };
    const opened: Listener[] = [];
    const undo = async (): Promise<void> => {
      ({ publicSide, internalSide, body, chat } = before);
      await Promise.all(opened.map((listener) => listener.close(0)));
    };
    try {
      if (publicSide?.port !== wanted.port) {
        const listener = await listenEverywhere(dataPath, wanted.port, pick);
        opened.push(listener);
        publicSide = { port: wanted.port, listener };
      }
      if (wanted.internal_port === undefined) internalSide = null;
      else if (internalSide?.port !== wanted.internal_port) {
        const listener = await dataPath.listen(wanted.internal_port, '127.0.0.1', pickInternal);
        opened.push(listener);
        internalSide = { port: wanted.internal_port, listener };
      }
    } catch (error) {
      await undo();
      throw error;
    }
    body = bodyOf(wanted);
    chat = chatSide(body);
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
    saved: () => ({ ...body, target, ...(shown ? { preview: shown.preview } : {}) }),
    listensOn: (wanted) =>
      publicSide?.port === wanted.port &&
      internalSide?.port === wanted.internal_port &&
      body.chat?.path === wanted.chat?.path &&
      body.chat?.socket === wanted.chat?.socket,
    listen,
    route,
    show,
    traffic: (instance) => instances.get(instance),
    isTarget: (instance) => current?.traffic.instance === instance,
    status: () => ({
      app: name,
      ...body,
      target,
      ...(shown ? { preview: shown.preview.target.instance } : {}),
      in_flight: [...instances.values()].map((each) => ({ instance: each.instance, requests: each.requests(), streams: each.streams() })),
    }),
    async close() {
      const open = [publicSide, internalSide];
      publicSide = null;
      internalSide = null;
      await Promise.all(open.map((side) => side?.listener.close(CLOSE_GRACE_MS)));
    },
  };
}

/** All interfaces, IPv6 and IPv4 in one; IPv4 alone on a machine without IPv6. */
async function listenEverywhere(dataPath: DataPath, port: number, pick: PickDestination): Promise<Listener> {
  try {
    return await dataPath.listen(port, '::', pick);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    return dataPath.listen(port, '0.0.0.0', pick);
  }
}

function destinationsOf(
  traffic: InstanceTraffic,
  target: ProxyTarget,
): { traffic: InstanceTraffic; public: Destination; internal: Destination | null } {
  const { instance, host } = target;
  const at = (port: number): Destination => ({ instance, host, port, begin: () => traffic.begin() });
  return { traffic, public: at(target.port), internal: target.internal_port === undefined ? null : at(target.internal_port) };
}

function bodyOf({ port, internal_port, chat }: ProxyAppBody): ProxyAppBody {
  return { port, ...(internal_port === undefined ? {} : { internal_port }), ...(chat ? { chat } : {}) };
}

function sameAddress(a: ProxyTarget, b: ProxyTarget | null): boolean {
  return b !== null && a.host === b.host && a.port === b.port && a.internal_port === b.internal_port;
}

import { isDeepStrictEqual } from 'node:util';
import type { ProxyPreview, ProxyTarget } from '@greenroom/sdk/proxy';
import { createInstanceCounts, type InstanceCounts, KEPT_INSTANCES } from './counts.ts';
import type { AppSide, DataPath, Destination } from './data-path.ts';
import { drain } from './drain.ts';
import { createInstanceTraffic, type InstanceTraffic } from './instance.ts';
import { type ChatSide, chatSide, pickPublic, type Shown } from './public-side.ts';
import type { SavedApp } from './store.ts';
import type { AppTraffic, Side } from './traffic.ts';
import { trustIn } from './trust.ts';

export interface LocalTraffic extends Omit<AppTraffic, 'id' | 'close'> {
  readonly sides: Readonly<Record<Side, AppSide>>;
}

/** The traffic of one app in this process: its route, and what is in flight to each of its instances. */
export function createLocalTraffic(initial: SavedApp, dataPath: DataPath): LocalTraffic {
  let chat: ChatSide | null = null;
  let target: ProxyTarget | null = null;
  let trusted: readonly string[] = [];
  let trust: Trust = {};
  let current: { traffic: InstanceTraffic; public: Destination; internal: Destination | null } | null = null;
  let shown: (Shown & { preview: ProxyPreview; traffic: InstanceTraffic }) | null = null;
  const instances = new Map<string, InstanceTraffic>();
  /** Newest last; they outlive what they count. */
  const counts = new Map<string, InstanceCounts>();
  const failures = new Map<number, number>();
  const sides: Record<Side, AppSide> = {
    public: {
      pick: (asked, by) => pickPublic({ live: current?.public ?? null, chat, shown }, asked, by),
      onFailure,
      trusts: (address) => trust.trusts?.(address) ?? false,
    },
    internal: { pick: () => current?.internal ?? null, onFailure },
  };

  set(initial);

  function set(app: SavedApp): void {
    const { trusted_proxies = [], preview = null } = app;
    const trustMoved = !isDeepStrictEqual(trusted_proxies, trusted);
    if (trustMoved) {
      const trusts = trustIn(trusted_proxies);
      trusted = trusted_proxies;
      trust = trusts ? { trusts } : {};
    }
    chat = chatSide(app, trust);
    if (trustMoved || !isDeepStrictEqual(app.target, target)) route(app.target);
    if (trustMoved || !isDeepStrictEqual(preview, shown?.preview ?? null)) show(preview);
  }

  function route(next: ProxyTarget | null): void {
    const previous = current?.traffic;
    const moved = target && !sameAddress(target, next) ? target : null;
    target = next;
    current = next ? destinationsOf(trafficFor(next), next, trust) : null;
    // An instance that is started again on other ports keeps its id, and its old address is nobody's.
    if (moved && moved.instance === next?.instance) forget(moved);
    previous?.notify();
    if (current && current.traffic !== previous) current.traffic.notify();
  }

  function show(preview: ProxyPreview | null): void {
    const previous = shown?.traffic;
    const traffic = preview && trafficFor(preview.target);
    shown =
      preview && traffic
        ? { token: preview.token, destination: destinationsOf(traffic, preview.target, trust).public, preview, traffic }
        : null;
    previous?.notify();
  }

  function trafficFor(next: ProxyTarget): InstanceTraffic {
    const known = instances.get(next.instance);
    if (known) {
      known.target = next;
      return known;
    }
    const traffic = createInstanceTraffic(next, countsFor(next.instance));
    instances.set(next.instance, traffic);
    traffic.onChange(() => {
      if (traffic === current?.traffic || traffic === shown?.traffic || traffic.requests() + traffic.streams() > 0) return;
      if (instances.get(traffic.instance) === traffic) instances.delete(traffic.instance);
      if (!target || !sameAddress(traffic.target, target)) forget(traffic.target);
    });
    return traffic;
  }

  /** Room is made by what is no longer in use. */
  function countsFor(instance: string): InstanceCounts {
    const found = counts.get(instance) ?? createInstanceCounts();
    counts.delete(instance);
    counts.set(instance, found);
    for (const known of counts.keys()) {
      if (counts.size > KEPT_INSTANCES && known !== instance && !instances.has(known)) counts.delete(known);
    }
    return found;
  }

  function onFailure(status: number): void {
    failures.set(status, (failures.get(status) ?? 0) + 1);
  }

  function forget(address: ProxyTarget): void {
    dataPath.forget(address.host, address.port);
    if (address.internal_port) dataPath.forget(address.host, address.internal_port);
  }

  return {
    sides,
    set: async (app) => set(app),
    listen: (port, host, side) => dataPath.listen(port, host, sides[side]),
    async drain({ instance, timeout_ms, stream_timeout_ms }, signal) {
      const traffic = instances.get(instance);
      if (!traffic) return { drained: true, closed_streams: 0, abandoned_requests: 0 };
      const isTarget = (): boolean => current?.traffic.instance === instance;
      return drain(traffic, { timeoutMs: timeout_ms, streamTimeoutMs: stream_timeout_ms, isTarget, signal });
    },
    inFlight: async () =>
      [...instances.values()].map((each) => ({ instance: each.instance, requests: each.requests(), streams: each.streams() })),
    stats: async () => ({
      instances: [...counts].map(([instance, counted]) => {
        const traffic = instances.get(instance);
        return { instance, ...counted, requests: traffic?.requests() ?? 0, streams: traffic?.streams() ?? 0 };
      }),
      failures: [...failures].map(([status, count]) => ({ status, count })),
    }),
  };
}

type Trust = Pick<Destination, 'trusts'>;

function destinationsOf(
  traffic: InstanceTraffic,
  target: ProxyTarget,
  trust: Trust,
): { traffic: InstanceTraffic; public: Destination; internal: Destination | null } {
  const { instance, host } = target;
  const at = (port: number): Destination => ({ instance, host, port, begin: () => traffic.begin(), ...trust });
  return { traffic, public: at(target.port), internal: target.internal_port === undefined ? null : at(target.internal_port) };
}

function sameAddress(a: ProxyTarget, b: ProxyTarget | null): boolean {
  return b !== null && a.host === b.host && a.port === b.port && a.internal_port === b.internal_port;
}

import type { ProxyInFlight } from '@greenroom/sdk/proxy';

/** What several have in flight, by instance. */
export function addUp(counts: readonly ProxyInFlight[]): ProxyInFlight[] {
  const sums = new Map<string, ProxyInFlight>();
  for (const { instance, requests, streams } of counts) {
    const before = sums.get(instance);
    sums.set(instance, { instance, requests: (before?.requests ?? 0) + requests, streams: (before?.streams ?? 0) + streams });
  }
  return [...sums.values()];
}

import { setTimeout as delay } from 'node:timers/promises';
import type { DrainLimits, DrainReport } from '../../ports.ts';

/** A proxy that took a request just before a switch may connect to the old instance this much later (measured: lost requests at 0 ms, none at 100). */
const LATE_CONNECTION_MS = 100;
const LOOK_INTERVAL_MS = 15;
/** A look is at all connections of the machine, which may be many. */
const REST_FACTOR = 2;

/** Connections of an instance, as far as they can be told apart: a stream that cannot be told from a request counts as one. */
export interface Traffic {
  requests: number;
  streams: number;
}

/**
 * The drain of a proxy that does not say what it has in flight, by looking at the instance's connections. Upstream connections are used for one request
 * each, so an open one is work under way. Streams are waited for until their limit and then left to the app, which is told to end next; `closedStreams`
 * counts those. `isLive` is asked all along: what is routed to never becomes idle.
 */
export async function untilIdle(look: () => Promise<Traffic>, isLive: () => Promise<boolean>, limits: DrainLimits): Promise<DrainReport> {
  const began = performance.now();
  for (;;) {
    if (limits.signal.aborted || (await isLive())) return { drained: false, closedStreams: 0, abandonedRequests: 0 };
    const asked = performance.now();
    const { requests, streams } = await look();
    const passed = performance.now() - began;
    const streamsDone = streams === 0 || passed >= limits.streamTimeoutMs;
    if (requests === 0 && streamsDone && passed >= LATE_CONNECTION_MS)
      return { drained: true, closedStreams: streams, abandonedRequests: 0 };
    if (passed >= limits.timeoutMs) return { drained: requests === 0, closedStreams: streams, abandonedRequests: requests };
    const restMs = Math.max(LOOK_INTERVAL_MS, (performance.now() - asked) * REST_FACTOR);
    await delay(Math.min(restMs, Math.max(0, limits.timeoutMs - passed)), undefined, { signal: limits.signal }).catch(() => undefined);
  }
}

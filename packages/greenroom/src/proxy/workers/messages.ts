/** What the proxy and its workers say to each other, as JSON over the channel that Node opens between parent and child. */
import type { ProxyDrainBody, ProxyDrainResult, ProxyInFlight } from '@greenroom/sdk/proxy';
import type { TrafficStats } from '../counts.ts';
import type { SharedRoute } from '../route-table.ts';
import type { SavedApp } from '../store.ts';
import type { Side } from '../traffic.ts';

/** Where a connection came: on a port of an app, or on one that several share. */
export type Origin = { listener: number; app: number; side: Side } | { listener: number; side: 'shared' };

/** What a worker is asked for, and what it answers. `app` and `listener` are numbers that the proxy gives and never gives again. */
export interface Orders {
  /** What requests for an app are to meet; null when it is gone. Answered when it holds. */
  set: { of: { app: number; routes: SavedApp | null }; answer: null };
  /** All routes of a port that apps share; null when it is gone. Answered when they count. */
  share: { of: { listener: number; routes: readonly SharedRoute[] | null }; answer: null };
  /** A connection that came on a listener, sent along. Answered at once: from then on it is the worker's. */
  take: { of: Origin; answer: null };
  /** Ends a listener's connections. Answered when all are gone. */
  close: { of: { listener: number; grace_ms: number }; answer: null };
  drain: { of: { app: number; body: ProxyDrainBody }; answer: ProxyDrainResult };
  /** Nobody waits for a drain's answer any more. */
  abort: { of: { drain: number }; answer: null };
  in_flight: { of: { app: number }; answer: ProxyInFlight[] };
  /** Ends connections as `DataPath.retire`. Answered when none is left. */
  retire: { of: object; answer: null };
  stats: { of: { app: number }; answer: TrafficStats };
  ping: { of: object; answer: null };
}

export type OrderName = keyof Orders;
export type Order = { [Name in OrderName]: { id: number; order: Name } & Orders[Name]['of'] }[OrderName];

export interface Reply {
  id: number;
  answer: unknown;
}

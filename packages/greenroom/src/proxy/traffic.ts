import type { ProxyDrainBody, ProxyDrainResult, ProxyInFlight } from '@greenroom/sdk/proxy';
import type { TrafficStats } from './counts.ts';
import type { Listener } from './data-path.ts';
import type { SharedRoute } from './route-table.ts';
import type { SavedApp } from './store.ts';

/** Which of its ports a request came on: the one that visitors use, or the one for this machine only. */
export type Side = 'public' | 'internal';

/** What moves an app's requests: this process (`local-traffic.ts`), or workers (`workers/`). */
export interface AppTraffic {
  /** Never that of another app. */
  readonly id: number;
  /** Tells what requests are to meet, all of it, so that it may be told again. Resolves when no request is read any more that meets something else. */
  set(app: SavedApp): Promise<void>;
  /** Listens on a port. Rejects with the system's error (`EADDRINUSE`, `EACCES`…) when it cannot be had. */
  listen(port: number, host: string, side: Side): Promise<Listener>;
  /** Waits until nothing of an instance is in flight, or its limits run out. An abort ends it. */
  drain(body: ProxyDrainBody, signal: AbortSignal): Promise<ProxyDrainResult>;
  inFlight(): Promise<ProxyInFlight[]>;
  stats(): Promise<TrafficStats>;
  /** The app is gone, and so are its listeners. */
  close(): void;
}

/** A port whose requests go to whichever app has a route for their host and path. */
export interface SharedListener extends Listener {
  /** Tells all routes of the port, as `AppTraffic.set`. */
  set(routes: readonly SharedRoute[]): Promise<void>;
}

export interface Traffic {
  create(app: string, initial: SavedApp): AppTraffic;
  /** As `AppTraffic.listen`. */
  share(port: number, host: string, routes: readonly SharedRoute[]): Promise<SharedListener>;
  /** As `DataPath.retire`. */
  retire(): Promise<void>;
}

import type { ProxyDrainBody, ProxyDrainResult, ProxyInFlight } from '@greenroom/sdk/proxy';
import type { TrafficStats } from './counts.ts';
import type { Listener } from './data-path.ts';
import type { SavedApp } from './store.ts';

/** Which of its ports a request came on: the one that visitors use, or the one for this machine only. */
export type Side = 'public' | 'internal';

/** What moves an app's requests: this process (`local-traffic.ts`), or workers (`workers/`). */
export interface AppTraffic {
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

export type CreateTraffic = (app: string, initial: SavedApp) => AppTraffic;

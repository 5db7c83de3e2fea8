/** What a proxy and its successor say to each other, as JSON over the channel that Node opens between parent and child. */
import type { ProxyDrainBody, ProxyDrainResult, ProxyInFlight } from '@greenroom/sdk/proxy';
import type { Address } from '../kept-sockets.ts';
import type { SavedApp } from '../store.ts';

/** Of these messages. A successor that does not know the number of its predecessor says so, and that goes on. */
export const FORMAT = 1;

/** What the successor asks its predecessor for, and what that answers. */
export interface Asks {
  /** The listening socket of an address, sent along with the answer; false when it has none. */
  socket: { of: { port: number; host: string }; answer: boolean };
  /** All apps as they are now, by name. Answered when what was in flight before the hand-over meets nothing else any more. */
  follow: { of: { apps: Record<string, SavedApp> }; answer: null };
  drain: { of: { app: string; body: ProxyDrainBody }; answer: ProxyDrainResult };
  /** Nobody waits for a drain's answer any more. */
  abort: { of: { drain: number }; answer: null };
  in_flight: { of: object; answer: Record<string, ProxyInFlight[]> };
}

export type AskName = keyof Asks;
export type Ask = { [Name in AskName]: { say: 'ask'; id: number; ask: Name } & Asks[Name]['of'] }[AskName];

export type FromSuccessor =
  | Ask
  /** It runs, and waits until nothing changes any more. */
  | { say: 'prepared' }
  /** It listens on everything, with all routes, and at the control socket. */
  | { say: 'serving' }
  /** It has the lock. */
  | { say: 'owner'; version: string }
  | { say: 'failed'; error: string };

export type FromPredecessor =
  /** Nothing changes any more until the hand-over is decided. `kept`: sockets that somebody else keeps open; left out by a version that knows of none. */
  | { say: 'go'; kept?: (Address & { name: string })[] }
  /** The lock is free for it. */
  | { say: 'released' }
  | { say: 'answer'; id: number; answer: unknown }
  /** Nothing is in flight any more; it ends. */
  | { say: 'bye' };

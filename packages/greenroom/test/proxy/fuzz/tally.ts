import { newReached, type Reached } from './reached.ts';

/** What a run came to. */
export interface Tally {
  cases: number;
  /** Requests that reached the app whole, and answers that reached the client whole. */
  taken: number;
  /** Classes of differences, with how many there were and the first one's seed. */
  kinds: Map<string, { count: number; seed: number }>;
  /** Why the proxy refused, counted likewise. */
  refusals: Map<string, { count: number; seed: number }>;
  wrong: string[];
  /** The parsers' states. */
  reached: Reached;
}

export const newTally = (): Tally => ({ cases: 0, taken: 0, kinds: new Map(), refusals: new Map(), wrong: [], reached: newReached() });

export function countIn(counts: Tally['kinds'], kind: string, seed: number): void {
  const known = counts.get(kind);
  if (known) known.count += 1;
  else counts.set(kind, { count: 1, seed });
}

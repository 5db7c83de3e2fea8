import type { FinalStatus } from '../transcript.ts';

/** How a turn ended, and a sentence for the person who began it; empty when there is nothing to say. */
export interface Verdict {
  status: FinalStatus;
  detail: string;
}

/** What a turn comes to. Whoever speaks first decides. */
export interface Fate {
  /** Aborted once it is decided. */
  readonly signal: AbortSignal;
  verdict(): Verdict | null;
  decide(verdict: Verdict): void;
  /** The promise's own outcome, or `Decided` thrown as soon as the turn's end is decided by another. */
  race<T>(promise: Promise<T>): Promise<T>;
}

/** The turn's end was decided while something was awaited. */
export class Decided extends Error {
  override readonly name = 'Decided';
}

export function createFate(): Fate {
  const abort = new AbortController();
  const decided = Promise.withResolvers<never>();
  let verdict: Verdict | null = null;
  // Nobody has to be waiting for it.
  decided.promise.catch(() => undefined);
  return {
    signal: abort.signal,
    verdict: () => verdict,
    decide(it) {
      if (verdict) return;
      verdict = it;
      abort.abort();
      decided.reject(new Decided(it.status));
    },
    race: (promise) => Promise.race([decided.promise, promise]),
  };
}

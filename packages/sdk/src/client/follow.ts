import type { Accepted, AttemptView, DryRun, EventMessage, Refusal } from '../wire.ts';
import type { EventsOptions } from './events.ts';
import { isUnreachable } from './request.ts';

/** How long a restart of the orchestrator may take before an attempt is not followed any further. */
export const DEFAULT_RESTART_WAIT_MS = 60_000;

export interface FollowOptions {
  /** The attempt as it is now; called at least once. */
  update?(attempt: AttemptView): void;
  /** The orchestrator went away; it is tried again. */
  lost?(): void;
  /** It is back. */
  found?(): void;
  /** Ends the following; the attempt goes on. */
  signal?: AbortSignal;
  giveUpAfterMs?: number;
}

export type Followed =
  | { kind: 'decided'; attempt: AttemptView }
  | { kind: 'answered'; answer: DryRun | Refusal }
  /** `signal` was aborted; the attempt as it was seen last. */
  | { kind: 'left'; id: string; attempt: AttemptView | null }
  /** The orchestrator went away and did not come back in time, or does not know the attempt. */
  | { kind: 'lost'; id: string; why: 'unreachable' | 'unknown' };

/** The part of a client that following needs. */
export interface Followable {
  attempt(id: string, options: { signal: AbortSignal }): Promise<AttemptView | null>;
  events(options: EventsOptions): AsyncGenerator<EventMessage, void, undefined>;
}

/**
 * Submits an attempt and follows it until it is decided, across restarts of the orchestrator. Listens before it submits, so that no step is
 * missed, and reads the attempt itself after each connect, so that nothing depends on an event that was sent while nobody listened.
 * Throws `GreenroomUnreachable` when nobody answers before the attempt is known.
 */
export async function followAttempt(
  client: Followable,
  submit: () => Promise<Accepted | DryRun | Refusal>,
  options: FollowOptions = {},
): Promise<Followed> {
  const { giveUpAfterMs = DEFAULT_RESTART_WAIT_MS, signal } = options;
  const abort = new AbortController();
  const connected = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<Followed>();
  const early = new Map<string, AttemptView>();
  let id = '';
  let latest: AttemptView | null = null;

  const take = (attempt: AttemptView): void => {
    if (id === '') early.set(attempt.id, attempt);
    if (attempt.id !== id) return;
    latest = attempt;
    options.update?.(attempt);
    if (isDecided(attempt)) ended.resolve({ kind: 'decided', attempt });
  };
  const refresh = async (): Promise<void> => {
    const attempt = await client.attempt(id, { signal: abort.signal });
    if (attempt) take(attempt);
    else ended.resolve({ kind: 'lost', id, why: 'unknown' });
  };
  // An orchestrator that goes away again just now is the event stream's business, which tries again.
  const refreshUnlessLost = (): void =>
    void refresh().catch((error: unknown) => {
      if (!isUnreachable(error) && !abort.signal.aborted) ended.reject(error);
    });

  const listen = async (): Promise<void> => {
    const events = client.events({
      signal: abort.signal,
      giveUpAfterMs,
      onConnect: (first) => {
        connected.resolve();
        if (first || id === '') return;
        options.found?.();
        refreshUnlessLost();
      },
      onDisconnect: () => options.lost?.(),
    });
    for await (const event of events) for (const attempt of event.attempts) take(attempt);
  };
  const listening = listen().catch((error: unknown) => {
    connected.reject(error);
    if (id !== '' && isUnreachable(error)) ended.resolve({ kind: 'lost', id, why: 'unreachable' });
    else ended.reject(error);
  });
  // Whoever does not get as far as waiting for it is not interested in its failure.
  ended.promise.catch(() => undefined);
  const leave = (): void => ended.resolve({ kind: 'left', id, attempt: latest });

  try {
    await connected.promise;
    const answer = await submit();
    if (!answer.success || 'dry_run' in answer) return { kind: 'answered', answer };
    id = answer.id;
    const seen = early.get(id);
    if (seen) take(seen);
    refreshUnlessLost();
    if (signal?.aborted) leave();
    signal?.addEventListener('abort', leave, { once: true });
    return await ended.promise;
  } finally {
    signal?.removeEventListener('abort', leave);
    abort.abort();
    await listening;
  }
}

/** From the promotion on the release is live; what follows is reported, but decides nothing. */
export function isDecided(attempt: AttemptView): boolean {
  return (attempt.status !== 'queued' && attempt.status !== 'running') || attempt.promoted;
}

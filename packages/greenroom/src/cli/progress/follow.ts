import { type GreenroomClient, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { Accepted, AttemptView, DryRun, Refusal } from '@greenroom/sdk/wire';
import { CliError, EXIT } from '../context.ts';

/** How long a restart of the orchestrator may take before a command stops waiting for it. */
export const DEFAULT_RESTART_WAIT_MS = 60_000;

export interface FollowView {
  /** The attempt as it is now; called at least once. */
  update(attempt: AttemptView): void;
  /** The orchestrator went away; it is tried again. */
  lost(): void;
  /** It is back. */
  found(): void;
}

export type Followed = { kind: 'decided'; attempt: AttemptView } | { kind: 'answered'; answer: DryRun | Refusal };

/**
 * Submits an attempt and follows it until it is decided, across restarts of the orchestrator. Listens before it submits, so that no step is
 * missed, and reads the attempt itself after each connect, so that nothing depends on an event that was sent while nobody listened.
 */
export async function follow(
  client: GreenroomClient,
  submit: () => Promise<Accepted | DryRun | Refusal>,
  view: FollowView,
  giveUpAfterMs = DEFAULT_RESTART_WAIT_MS,
): Promise<Followed> {
  const abort = new AbortController();
  const connected = Promise.withResolvers<void>();
  const decided = Promise.withResolvers<AttemptView>();
  const early = new Map<string, AttemptView>();
  let id = '';

  const take = (attempt: AttemptView): void => {
    if (id === '') early.set(attempt.id, attempt);
    if (attempt.id !== id) return;
    view.update(attempt);
    if (isDecided(attempt)) decided.resolve(attempt);
  };
  const refresh = async (): Promise<void> => {
    const attempt = await client.attempt(id, { signal: abort.signal });
    if (!attempt)
      throw new CliError(EXIT.failed, 'not_found', `The orchestrator does not know attempt ${id}. "greenroom log" shows what it knows.`);
    take(attempt);
  };
  // An orchestrator that goes away again just now is the event stream's business, which tries again.
  const refreshUnlessLost = (): void =>
    void refresh().catch((error: unknown) => {
      if (!(error instanceof GreenroomUnreachable) && !abort.signal.aborted) decided.reject(error);
    });

  const listen = async (): Promise<void> => {
    const events = client.events({
      signal: abort.signal,
      giveUpAfterMs,
      onConnect: (first) => {
        connected.resolve();
        if (first || id === '') return;
        view.found();
        refreshUnlessLost();
      },
      onDisconnect: () => view.lost(),
    });
    for await (const event of events) for (const attempt of event.attempts) take(attempt);
  };
  const listening = listen().catch((error: unknown) => {
    connected.reject(error);
    decided.reject(id === '' ? error : gone(error, id));
  });
  // Whoever does not get as far as waiting for it is not interested in its failure.
  decided.promise.catch(() => undefined);

  try {
    await connected.promise;
    const answer = await submit();
    if (!answer.success || 'dry_run' in answer) return { kind: 'answered', answer };
    id = answer.id;
    const seen = early.get(id);
    if (seen) take(seen);
    refreshUnlessLost();
    return { kind: 'decided', attempt: await decided.promise };
  } finally {
    abort.abort();
    await listening;
  }
}

/** From the promotion on the release is live; what follows is reported, but decides nothing. */
function isDecided(attempt: AttemptView): boolean {
  return (attempt.status !== 'queued' && attempt.status !== 'running') || attempt.promoted;
}

function gone(error: unknown, id: string): unknown {
  if (!(error instanceof GreenroomUnreachable)) return error;
  const message = `The orchestrator went away during attempt ${id} and did not come back. Start it again with "greenroom start", then see: greenroom log ${id}`;
  return new CliError(EXIT.unreachable, 'unreachable', message);
}

import type { AgentSettings } from './settings.ts';
import type { Transcript } from './transcript.ts';

const HOUR_MS = 3_600_000;

/** `problem`: a sentence for the person who writes. */
export type MayBegin = { ok: true } | { ok: false; problem: string; retryAfterMs: number };

/** Whether another turn may be begun within the contract's `turns_per_hour`; asked before a message is posted. */
export function mayBeginTurn(
  transcript: Transcript,
  { turns_per_hour: limit }: Pick<AgentSettings, 'turns_per_hour'>,
  now: Date,
): MayBegin {
  if (limit === 0) return { ok: true };
  const since = now.getTime() - HOUR_MS;
  // Newest first: one without a word for an hour had no message either.
  const recent = transcript.conversations(Number.MAX_SAFE_INTEGER).filter(({ updated_at }) => Date.parse(updated_at) > since);
  const begun = recent
    .flatMap(({ id }) => transcript.turns(id))
    .map(({ created_at }) => Date.parse(created_at))
    .filter((time) => time > since)
    .sort((one, other) => one - other);
  const first = begun[begun.length - limit];
  if (first === undefined) return { ok: true };
  const retryAfterMs = first + HOUR_MS - now.getTime();
  const minutes = Math.max(1, Math.ceil(retryAfterMs / 60_000));
  return {
    ok: false,
    problem: `The agent has had ${begun.length} messages within the last hour, and ${limit} are allowed ("turns_per_hour" in the contract). Try again in ${minutes} min.`,
    retryAfterMs,
  };
}

import type { Delivery } from '../outbox.ts';

/**
 * Why GitHub did not do what it was asked:
 * - `offline`, `server`, `conflict`: may pass by itself
 * - `rate_limited`: passes after `retryAfterMs`
 * - `unauthorized`, `forbidden`, `not_found`: somebody has to change credentials, permissions or names
 * - `invalid`: this request will never work
 * - `aborted`: we stopped waiting
 */
export interface GitHubProblem {
  kind: 'offline' | 'server' | 'conflict' | 'rate_limited' | 'unauthorized' | 'forbidden' | 'not_found' | 'invalid' | 'aborted';
  /** A sentence for people, without secrets. */
  error: string;
  status: number;
  retryAfterMs: number;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; problem: GitHubProblem };

/** Credentials and permissions do not change within seconds. */
const ASK_AGAIN_AFTER_FIX_MS = 300_000;
const DEFAULT_RATE_LIMIT_MS = 60_000;
/** GitHub's limits are counted by the hour; anything longer is a broken clock. */
const LONGEST_RATE_LIMIT_MS = 3_660_000;
const SHOWN_CHARACTERS = 300;

/** What went wrong, from whatever the client library threw. */
export function problemOf(error: unknown, now: number): GitHubProblem {
  const { status, response, message } = shapeOf(error);
  if (!response) {
    return { kind: 'offline', error: `GitHub cannot be reached: ${message}.`, status: 0, retryAfterMs: 0 };
  }
  const said = `GitHub answered ${status}: ${message}`;
  const retryAfterMs = rateLimit(status, response, message, now);
  if (retryAfterMs > 0) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    return { kind: 'rate_limited', error: `GitHub's rate limit is used up for ${seconds} s.`, status, retryAfterMs };
  }
  if (status === 401)
    return fixable('unauthorized', `GitHub refuses the credentials (${message}): renew the token or the app's key.`, status);
  if (status === 403) return fixable('forbidden', `The GitHub credentials lack a permission: ${message}`, status);
  if (status === 404) return fixable('not_found', `GitHub knows no such repository, or does not show it to these credentials.`, status);
  if (status === 409) return { kind: 'conflict', error: said, status, retryAfterMs: 0 };
  if (status >= 500) return { kind: 'server', error: said, status, retryAfterMs: 0 };
  return { kind: 'invalid', error: said, status, retryAfterMs: 0 };
}

export function abortedProblem(): GitHubProblem {
  return { kind: 'aborted', error: 'Stopped before GitHub answered.', status: 0, retryAfterMs: 0 };
}

/** What a problem means for a job that waits in the outbox. */
export function deliveryOf(problem: GitHubProblem): Delivery {
  if (problem.kind === 'invalid') return { outcome: 'refused', error: problem.error };
  return { outcome: 'retry', error: problem.error, afterMs: problem.retryAfterMs };
}

function fixable(kind: GitHubProblem['kind'], error: string, status: number): GitHubProblem {
  return { kind, error, status, retryAfterMs: ASK_AGAIN_AFTER_FIX_MS };
}

/** Milliseconds to wait; 0 when the answer is not about a rate limit. Sources: "Rate limits for the REST API" in GitHub's documentation. */
function rateLimit(status: number, headers: Record<string, unknown>, message: string, now: number): number {
  if (status !== 403 && status !== 429) return 0;
  const retryAfter = Number(headers['retry-after']);
  if (headers['retry-after'] !== undefined && Number.isFinite(retryAfter)) return clamp(retryAfter * 1000);
  if (String(headers['x-ratelimit-remaining']) === '0') return clamp(Number(headers['x-ratelimit-reset']) * 1000 - now);
  return status === 429 || /rate limit/i.test(message) ? DEFAULT_RATE_LIMIT_MS : 0;
}

function clamp(ms: number): number {
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 1_000), LONGEST_RATE_LIMIT_MS) : DEFAULT_RATE_LIMIT_MS;
}

/** `response` is the answer's headers, absent when there was no answer: the library gives such errors the status 500. */
function shapeOf(error: unknown): { status: number; response: Record<string, unknown> | undefined; message: string } {
  const it = error as { status?: unknown; message?: unknown; response?: { headers?: Record<string, unknown> } };
  const status = typeof it?.status === 'number' ? it.status : 0;
  const message = (typeof it?.message === 'string' ? it.message : String(error)).replace(/\s+/g, ' ').slice(0, SHOWN_CHARACTERS);
  return { status, response: it?.response ? (it.response.headers ?? {}) : undefined, message };
}

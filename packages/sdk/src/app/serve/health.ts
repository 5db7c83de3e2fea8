import { within } from './within.ts';

/** Whether a part works: it does when nothing is thrown. The signal aborts at the time-out; not listening to it is allowed. */
export type Check = (signal: AbortSignal) => unknown;

export type HealthChecks = Record<string, Check | { check: Check; timeoutMs: number }>;

/** What the health endpoint answers: 200 when `status` is `ok`, 503 otherwise. */
export interface Health {
  status: 'ok' | 'failing' | 'starting' | 'stopping';
  /** Empty while the app starts or stops: parts are not asked then. */
  checks: Record<string, PartHealth>;
}

export interface PartHealth {
  ok: boolean;
  ms: number;
  /** One line, without passwords of connection strings. */
  error?: string;
}

/** Milliseconds that a part has; below the contract's default `health_timeout_ms`. */
const DEFAULT_CHECK_TIMEOUT_MS = 2_000;
const ERROR_LENGTH = 300;

/**
 * Asks all parts side by side. Somebody who asks while a part still thinks waits for the same answer, so a part that hangs is called once, however
 * often health is asked.
 */
export function createHealth(checks: HealthChecks): () => Promise<Record<string, PartHealth>> {
  const parts = Object.entries(checks).map(([name, given]) => {
    const { check, timeoutMs } = typeof given === 'function' ? { check: given, timeoutMs: DEFAULT_CHECK_TIMEOUT_MS } : given;
    return { name, ask: once(check, timeoutMs) };
  });
  return async () => {
    // A null prototype, so that a part may have any name.
    const answers: Record<string, PartHealth> = Object.create(null);
    const asked = await Promise.all(parts.map(async ({ name, ask }) => ({ name, answer: await ask() })));
    for (const { name, answer } of asked) answers[name] = answer;
    return answers;
  };
}

/** One line of an error, for people: without the passwords that some drivers put into it. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text
    .replace(/\/\/[^\s/@]*@/g, '//…@')
    .replace(/\s+/g, ' ')
    .slice(0, ERROR_LENGTH);
}

/** A part that is asked at most once at a time. */
function once(check: Check, timeoutMs: number): () => Promise<PartHealth> {
  let running: { since: number; done: Promise<void>; signal: AbortController } | null = null;
  return async () => {
    running ??= begin();
    const current = running;
    try {
      await within(Math.max(0, current.since + timeoutMs - performance.now()), current.done);
      return { ok: true, ms: elapsed(current.since) };
    } catch (error) {
      const late = current === running;
      if (late) current.signal.abort(error);
      return { ok: false, ms: elapsed(current.since), error: late ? `no answer within ${timeoutMs} ms` : describeError(error) };
    }
  };

  function begin(): NonNullable<typeof running> {
    const signal = new AbortController();
    const done = (async () => void (await check(signal.signal)))();
    const forget = (): void => {
      running = null;
    };
    done.then(forget, forget);
    return { since: performance.now(), done, signal };
  }
}

function elapsed(since: number): number {
  return Math.round(performance.now() - since);
}

import { performance } from 'node:perf_hooks';

/**
 * - `get`, `post`: keep-alive connections; `get-new`, `post-new`: a new connection for each request
 * - `slow`: a request whose answer takes seconds
 * - `sse`: server-sent events; `ws`: a WebSocket that checks an echo
 */
export const LOAD_KINDS = ['get', 'get-new', 'post', 'post-new', 'slow', 'sse', 'ws'] as const;
export type LoadKind = (typeof LOAD_KINDS)[number];

export interface LoadFailure {
  kind: LoadKind;
  /** Milliseconds since the load began. */
  at_ms: number;
  error: string;
}

export interface KindReport {
  /** Right answers; for streams, right messages. */
  ok: number;
  failed: number;
  /** Longest time between two right answers, and from the start to the first, over all clients of the kind. */
  longest_gap_ms: number;
  /** Longest time from a request to its answer. */
  slowest_ms: number;
  /** Streams that the other side ended cleanly, and that were opened again. */
  reconnects: number;
  /** WebSocket messages without an echo when the other side closed cleanly; the protocol allows that, so they are no failures. */
  unanswered: number;
}

export interface LoadReport {
  duration_ms: number;
  ok: number;
  failed: number;
  /** Longest time between two right answers to any short request (not `slow`, `sse`, `ws`). */
  longest_gap_ms: number;
  kinds: Partial<Record<LoadKind, KindReport>>;
  /** Answers by the commit that gave them; empty for answers that named none. */
  commits: Record<string, number>;
  /** Answers by another commit than the one that `expect` had named before the request was sent. Not counted as failed. */
  stale: number;
  /** The first failures, for people. */
  failures: LoadFailure[];
  /** The longest time that this process itself did not run; gaps of this size are the client's own. */
  client_stall_ms: number;
}

const KEPT_FAILURES = 20;
const SHORT: readonly LoadKind[] = ['get', 'get-new', 'post', 'post-new'];

/** Which commit requests must be answered by; requests that were under way when it changed may be answered by either. */
export interface Expectation {
  commit: string;
}

export interface Tally {
  /** To be taken before a request is sent and given to `ok` with its answer. */
  expectation(): Expectation;
  expect(commit: string): void;
  ok(kind: LoadKind, answer: { commit: string; expectation: Expectation; took_ms: number }): void;
  failed(kind: LoadKind, error: string): void;
  reconnected(kind: LoadKind, unanswered: number): void;
  /** No more requests are sent: the silence that follows is no gap. */
  stopping(): void;
  report(clientStallMs: number): LoadReport;
}

export function createTally(kinds: readonly LoadKind[]): Tally {
  const began = performance.now();
  const counts = new Map(kinds.map((kind) => [kind, { ...EMPTY }]));
  const lastOk = new Map(kinds.map((kind) => [kind, began]));
  const commits: Record<string, number> = {};
  const failures: LoadFailure[] = [];
  let expected: Expectation = { commit: '' };
  let lastShortOk = began;
  let longestGap = 0;
  let stale = 0;
  let stoppedAt = Number.POSITIVE_INFINITY;

  const of = (kind: LoadKind): KindReport => {
    const count = counts.get(kind);
    if (count === undefined) throw new Error(`no client of kind ${kind}`);
    return count;
  };

  return {
    expectation: () => expected,
    expect: (commit) => {
      expected = { commit };
    },
    ok(kind, { commit, expectation, took_ms }) {
      const now = performance.now();
      const count = of(kind);
      count.ok++;
      count.slowest_ms = Math.max(count.slowest_ms, took_ms);
      count.longest_gap_ms = Math.max(count.longest_gap_ms, now - (lastOk.get(kind) ?? now));
      lastOk.set(kind, now);
      if (SHORT.includes(kind)) {
        longestGap = Math.max(longestGap, now - lastShortOk);
        lastShortOk = now;
      }
      commits[commit] = (commits[commit] ?? 0) + 1;
      if (expectation === expected && expectation.commit !== '' && commit !== expectation.commit) stale++;
    },
    failed(kind, error) {
      of(kind).failed++;
      if (failures.length < KEPT_FAILURES) failures.push({ kind, at_ms: Math.round(performance.now() - began), error });
    },
    reconnected(kind, unanswered) {
      of(kind).reconnects++;
      of(kind).unanswered += unanswered;
    },
    stopping: () => {
      stoppedAt = Math.min(stoppedAt, performance.now());
    },
    report(clientStallMs) {
      const now = Math.min(stoppedAt, performance.now());
      // A silence that lasts until now is a gap, too: else a server that died for good would show none.
      const shortGap = kinds.some((kind) => SHORT.includes(kind)) ? Math.max(longestGap, now - lastShortOk) : longestGap;
      const reports = [...counts].map(([kind, count]) => {
        const gap = Math.max(count.longest_gap_ms, now - (lastOk.get(kind) ?? now));
        return [kind, { ...count, longest_gap_ms: Math.round(gap), slowest_ms: Math.round(count.slowest_ms) }] as const;
      });
      const sum = (field: 'ok' | 'failed'): number => reports.reduce((total, [, report]) => total + report[field], 0);
      return {
        duration_ms: Math.round(now - began),
        ok: sum('ok'),
        failed: sum('failed'),
        longest_gap_ms: Math.round(shortGap),
        kinds: Object.fromEntries(reports),
        commits: { ...commits },
        stale,
        failures: [...failures],
        client_stall_ms: Math.round(clientStallMs),
      };
    },
  };
}

const EMPTY: KindReport = { ok: 0, failed: 0, longest_gap_ms: 0, slowest_ms: 0, reconnects: 0, unanswered: 0 };

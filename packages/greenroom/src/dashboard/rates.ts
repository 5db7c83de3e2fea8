import type { Traffic } from '@greenroom/sdk/dashboard';
import type { InstanceTraffic } from '@greenroom/sdk/wire';

/** What was counted of one instance at one moment; see `TrafficView`. */
export interface Counted {
  /** Milliseconds since the epoch. */
  at: number;
  instance: InstanceTraffic;
  /** Requests that the proxy had to answer itself, since it was started; null for an instance that is not live, whose they are not. */
  failures: number | null;
}

/** Between two looks at the counters of one instance. */
export function trafficOf(now: Counted, before: Counted): Traffic {
  const { bounds, counts } = now.instance.duration;
  const seconds = (now.at - before.at) / 1_000;
  // The proxy was started anew, and counts from zero: what it has is what came since.
  const since = requestsOf(before) <= requestsOf(now) ? before : null;
  const per = (count: (counted: Counted) => number): number => (seconds > 0 ? (count(now) - (since ? count(since) : 0)) / seconds : 0);
  const failed = seconds > 0 ? failedSince(now, before) / seconds : 0;
  const buckets = counts.map((count, index) => count - (since?.instance.duration.counts[index] ?? 0));
  return {
    in_flight: now.instance.requests + now.instance.streams,
    requests_per_second: per(requestsOf) + failed,
    errors_per_second: per(errorsOf) + failed,
    p50_ms: percentileMs(buckets, bounds, 0.5),
    p99_ms: percentileMs(buckets, bounds, 0.99),
    total: {
      requests: requestsOf(now),
      errors: errorsOf(now),
      p50_ms: percentileMs(counts, bounds, 0.5),
      p99_ms: percentileMs(counts, bounds, 0.99),
    },
  };
}

/** What an instance had before its first request. */
export function nothingCounted(instance: InstanceTraffic, at: number): Counted {
  const duration = { ...instance.duration, counts: instance.duration.counts.map(() => 0) };
  return { at, instance: { ...instance, answers: instance.answers.map(() => 0), duration }, failures: null };
}

/** As Prometheus estimates it: evenly spread within a bucket; `bounds` are the upper ones, in seconds. What is beyond the last bound counts as that. 0 without a count. */
export function percentileMs(counts: readonly number[], bounds: readonly number[], share: number): number {
  const total = counts.reduce((sum, count) => sum + Math.max(0, count), 0);
  if (total === 0) return 0;
  const rank = share * total;
  let below = 0;
  for (const [index, bound] of bounds.entries()) {
    const count = Math.max(0, counts[index] ?? 0);
    if (below + count >= rank && count > 0) {
      const lower = bounds[index - 1] ?? 0;
      return (lower + (bound - lower) * ((rank - below) / count)) * 1_000;
    }
    below += count;
  }
  return (bounds.at(-1) ?? 0) * 1_000;
}

function requestsOf({ instance }: Counted): number {
  return instance.answers.reduce((sum, count) => sum + count, 0);
}

function errorsOf({ instance }: Counted): number {
  return instance.answers[4] ?? 0;
}

/** What visitors did not get of it; nothing when it was not live all the time. */
function failedSince(now: Counted, before: Counted): number {
  if (now.failures === null || before.failures === null) return 0;
  return now.failures < before.failures ? now.failures : now.failures - before.failures;
}

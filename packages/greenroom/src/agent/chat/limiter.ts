export interface Limit {
  /** How many at once, and within a window. */
  count: number;
  windowMs: number;
}

export interface Limiter {
  /** 0 when it is allowed now, and counted; else the seconds until it will be. */
  take(key: string): number;
  /** The same, without counting it. */
  wait(key: string): number;
}

/** In a flood of keys those that were quiet for longest are forgotten, so that memory stays bounded. */
const KEYS_KEPT = 10_000;

/** A bucket per key, which fills up again evenly. */
export function createLimiter({ count, windowMs }: Limit, now: () => number = () => performance.now()): Limiter {
  const buckets = new Map<string, { left: number; at: number }>();
  const perMs = count / windowMs;

  function bucketOf(key: string): { left: number } {
    const at = now();
    const known = buckets.get(key);
    const bucket = { left: known ? Math.min(count, known.left + (at - known.at) * perMs) : count, at };
    // Always put last, so that the first is the one that was quiet for longest.
    buckets.delete(key);
    buckets.set(key, bucket);
    if (buckets.size > KEYS_KEPT) buckets.delete(buckets.keys().next().value ?? key);
    return bucket;
  }

  const secondsUntilOne = (left: number): number => (left >= 1 ? 0 : Math.max(1, Math.ceil((1 - left) / perMs / 1000)));

  return {
    take(key) {
      const bucket = bucketOf(key);
      const seconds = secondsUntilOne(bucket.left);
      if (seconds === 0) bucket.left -= 1;
      return seconds;
    },
    wait: (key) => secondsUntilOne(bucketOf(key).left),
  };
}

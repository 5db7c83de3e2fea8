import { PROXY_SECONDS, type ProxyAppStats, type ProxyHistogram, type ProxyInstanceStats } from '@greenroom/sdk/proxy';

/** What was counted of an app, by instance; see `ProxyAppStats`. */
export type TrafficStats = Omit<ProxyAppStats, 'app'>;

/** Counts of one instance: live objects, so that counting a request is a few additions and no more. */
export type InstanceCounts = Pick<ProxyInstanceStats, 'answers' | 'unanswered' | 'cut' | 'first_byte' | 'duration'>;

/** Instances whose counts are kept: the live one, the one before it, and one more. */
export const KEPT_INSTANCES = 3;

export function createInstanceCounts(): InstanceCounts {
  return { answers: [0, 0, 0, 0, 0], unanswered: 0, cut: 0, first_byte: createHistogram(), duration: createHistogram() };
}

/** Counts an answer by the class of its status, 100 to 599. */
export function countAnswer({ answers }: InstanceCounts, status: number): void {
  const index = Math.floor(status / 100) - 1;
  if (index >= 0 && index < answers.length) answers[index] = (answers[index] ?? 0) + 1;
}

export function observe(histogram: ProxyHistogram, milliseconds: number): void {
  const seconds = milliseconds / 1_000;
  let bucket = 0;
  while (bucket < PROXY_SECONDS.length && seconds > (PROXY_SECONDS[bucket] ?? 0)) bucket += 1;
  histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
  histogram.sum += seconds;
}

/** What several processes counted, together. */
export function addStats(all: readonly TrafficStats[]): TrafficStats {
  const instances = new Map<string, ProxyInstanceStats>();
  const failures = new Map<number, number>();
  for (const each of all) {
    for (const one of each.instances) {
      const known = instances.get(one.instance);
      instances.set(one.instance, known ? addInstance(known, one) : one);
    }
    for (const { status, count } of each.failures) failures.set(status, (failures.get(status) ?? 0) + count);
  }
  return { instances: [...instances.values()], failures: [...failures].map(([status, count]) => ({ status, count })) };
}

/**
 * Keeps counters from going back: a process that ended took what it had counted with it, but what was said once stays said. Each time it is given
 * all counts of now, it answers them with what is missing added.
 */
export function createKeeper(): (now: TrafficStats) => TrafficStats {
  let lost: TrafficStats = { instances: [], failures: [] };
  let last: TrafficStats = lost;
  return (now) => {
    lost = addStats([lost, missing(last, addStats([now, lost]))]);
    // Of instances that nobody counts any more there is nothing to keep.
    lost = { ...lost, instances: lost.instances.filter((it) => now.instances.some(({ instance }) => instance === it.instance)) };
    last = addStats([now, lost]);
    return last;
  };
}

/** By how much each counter of `after` is smaller than it was. */
function missing(before: TrafficStats, after: TrafficStats): TrafficStats {
  const instances = before.instances.flatMap((was) => {
    const is = after.instances.find(({ instance }) => instance === was.instance);
    return is ? [{ ...combine(was, is, (one, other) => Math.max(0, one - other)), requests: 0, streams: 0 }] : [];
  });
  const failures = before.failures.map(({ status, count }) => {
    const is = after.failures.find((it) => it.status === status)?.count ?? 0;
    return { status, count: Math.max(0, count - is) };
  });
  return { instances, failures };
}

const addInstance = (one: ProxyInstanceStats, other: ProxyInstanceStats): ProxyInstanceStats => combine(one, other, (a, b) => a + b);

function combine(one: ProxyInstanceStats, other: ProxyInstanceStats, by: (one: number, other: number) => number): ProxyInstanceStats {
  const lists = (a: number[], b: number[]): number[] => a.map((value, index) => by(value, b[index] ?? 0));
  const histograms = (a: ProxyHistogram, b: ProxyHistogram): ProxyHistogram => ({
    counts: lists(a.counts, b.counts),
    sum: by(a.sum, b.sum),
  });
  return {
    instance: one.instance,
    answers: lists(one.answers, other.answers),
    unanswered: by(one.unanswered, other.unanswered),
    cut: by(one.cut, other.cut),
    requests: by(one.requests, other.requests),
    streams: by(one.streams, other.streams),
    first_byte: histograms(one.first_byte, other.first_byte),
    duration: histograms(one.duration, other.duration),
  };
}

function createHistogram(): ProxyHistogram {
  return { counts: new Array<number>(PROXY_SECONDS.length + 1).fill(0), sum: 0 };
}

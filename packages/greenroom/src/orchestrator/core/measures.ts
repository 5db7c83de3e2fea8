/** The two shapes that things are counted in, as Prometheus knows them. */

export type Labels = Readonly<Record<string, string>>;

/** Counts by labels; numbers only ever grow. */
export interface Counter<L extends Labels> {
  add(labels: L, by?: number): void;
  samples(): { labels: L; value: number }[];
}

/** Seconds, by labels. */
export interface Timings<L extends Labels> {
  observe(labels: L, seconds: number): void;
  samples(): { labels: L; histogram: Histogram }[];
}

export interface Histogram {
  /** Upper bounds, ascending; what is above the last one is counted too. */
  bounds: readonly number[];
  /** Observations in each bucket by itself, one more than there are bounds. */
  counts: number[];
  sum: number;
}

/** `known` label sets are there from the beginning, as 0: a first occurrence is an increase only to those who saw that there was none. */
export function createCounter<L extends Labels>(known: readonly L[] = []): Counter<L> {
  const series = new Map(known.map((labels) => [keyOf(labels), { labels, value: 0 }]));
  return {
    add(labels, by = 1) {
      const found = series.get(keyOf(labels));
      if (found) found.value += by;
      else series.set(keyOf(labels), { labels, value: by });
    },
    samples: () => [...series.values()],
  };
}

export function createTimings<L extends Labels>(bounds: readonly number[]): Timings<L> {
  const series = new Map<string, { labels: L; histogram: Histogram }>();
  return {
    observe(labels, seconds) {
      const key = keyOf(labels);
      const { histogram } = series.get(key) ?? { histogram: createHistogram(bounds) };
      series.set(key, { labels, histogram });
      observe(histogram, seconds);
    },
    samples: () => [...series.values()],
  };
}

function createHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
}

function observe(histogram: Histogram, value: number): void {
  const { bounds, counts } = histogram;
  const found = bounds.findIndex((bound) => value <= bound);
  const bucket = found === -1 ? bounds.length : found;
  counts[bucket] = (counts[bucket] ?? 0) + 1;
  histogram.sum += value;
}

const keyOf = (labels: Labels): string => JSON.stringify(labels);

import type { TimesView, TrafficView } from '@greenroom/sdk/wire';
import type { Histogram } from '../core/measures.ts';
import type { Measured } from '../runner/measured.ts';

/** What passed through the proxy, with the commit of each instance. */
export async function trafficView({ traffic, commitOf }: Pick<Measured, 'traffic' | 'commitOf'>): Promise<TrafficView> {
  const report = await traffic();
  if (!report) return { counted: false, instances: [], failures: [] };
  return {
    counted: true,
    instances: report.instances.map(({ answers, firstByte, duration, ...it }) => ({
      ...it,
      commit: commitOf(it.instance),
      answers: [...answers],
      first_byte: timesOf(firstByte),
      duration: timesOf(duration),
    })),
    failures: [...report.failures],
  };
}

const timesOf = ({ bounds, counts, sum }: Histogram): TimesView => ({ bounds: [...bounds], counts, sum });

import type { Histogram, Labels } from '../core/measures.ts';
import { type LabelsOf, METRICS, type MetricName, type NamesOf } from './metric-definitions.ts';

export const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** The samples of one scrape. Metrics without a sample are left out of it. */
export interface Page {
  set<N extends NamesOf<'gauge' | 'counter'>>(name: N, value: number, labels: LabelsOf<N>): void;
  setHistogram<N extends NamesOf<'histogram'>>(name: N, histogram: Histogram, labels: LabelsOf<N>): void;
  /** Prometheus text format 0.0.4. */
  text(): string;
}

/** `common` labels are on every sample. */
export function createPage(common: Labels): Page {
  const lines = new Map<MetricName, string[]>();

  function add(name: MetricName, suffix: string, labels: Labels, value: number): void {
    const found = lines.get(name) ?? [];
    lines.set(name, found);
    found.push(`${name}${suffix}{${labelText({ ...common, ...labels })}} ${numberText(value)}`);
  }

  return {
    set: (name, value, labels) => add(name, '', labels, value),
    setHistogram(name, { bounds, counts, sum }, labels) {
      let total = 0;
      for (const [index, count] of counts.entries()) {
        total += count;
        add(name, '_bucket', { ...labels, le: numberText(bounds[index] ?? Number.POSITIVE_INFINITY) }, total);
      }
      add(name, '_sum', labels, sum);
      add(name, '_count', labels, total);
    },
    text() {
      const families = (Object.keys(METRICS) as MetricName[]).flatMap((name) => {
        const { help, type } = METRICS[name];
        const samples = lines.get(name) ?? [];
        return samples.length > 0 ? [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...samples] : [];
      });
      return families.map((line) => `${line}\n`).join('');
    },
  };
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
    .join(',');
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

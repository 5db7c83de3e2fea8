import { median } from '../harness/stats.ts';
import type { Case } from './cases.ts';
import { type Candidate, REFERENCE } from './proxies.ts';

/** What one measurement gave. */
export interface Figures {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** CPU seconds of the proxy's processes for 10,000 requests; absent without a proxy. */
  cpuPer10k?: number;
  /** Megabytes, the peak of the proxy's processes; absent without a proxy. */
  peakMb?: number;
  errors: number;
}

export interface Sample {
  proxy: string;
  case: string;
  round: number;
  /** Or why there are none. */
  figures: Figures | string;
}

type Field = keyof Figures;

const COLUMNS: readonly [title: string, field: Field][] = [
  ['requests/s', 'requestsPerSecond'],
  ['p50, ms', 'p50Ms'],
  ['p99, ms', 'p99Ms'],
  ['CPU s per 10,000', 'cpuPer10k'],
  ['peak memory, MB', 'peakMb'],
];

/** Markdown, one table for each case. Reasons why a proxy was not measured are named by `missing`. */
export function renderReport(
  samples: readonly Sample[],
  { cases, proxies, missing }: { cases: readonly Case[]; proxies: readonly Candidate[]; missing: ReadonlyMap<string, string> },
): string {
  return cases
    .map((each) =>
      renderCase(
        samples.filter((sample) => sample.case === each.name),
        each,
        proxies,
        missing,
      ),
    )
    .join('\n\n');
}

function renderCase(samples: readonly Sample[], each: Case, proxies: readonly Candidate[], missing: ReadonlyMap<string, string>): string {
  const rows = proxies.map(({ name, about }) => {
    const own = samples.filter(({ proxy }) => proxy === name);
    const problem = missing.get(name) ?? own.map(({ figures }) => figures).find((figures) => typeof figures === 'string');
    const measured = figuresOf(own);
    if (measured.length === 0) return [about, `not measured: ${oneLine(problem ?? 'no round was finished')}`, ...COLUMNS.map(() => '')];
    const errors = measured.reduce((sum, figures) => sum + figures.errors, 0);
    const failed = problem === undefined ? '' : `, ${own.length - measured.length} rounds failed: ${oneLine(problem)}`;
    return [about, ...COLUMNS.map(([, field]) => cell(samples, name, field)), `${errors}${failed}`];
  });
  const lines = [['proxy', ...COLUMNS.map(([title]) => title), 'errors'], Array.from({ length: COLUMNS.length + 2 }, () => '---'), ...rows];
  return [`## ${each.name}: ${each.about}`, '', ...lines.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

/** The median, and how it compares: `950 ×0.95 (0.93 to 0.97)`. */
function cell(samples: readonly Sample[], name: string, field: Field): string {
  const values = figuresOf(samples.filter(({ proxy }) => proxy === name)).flatMap((figures) => figures[field] ?? []);
  if (values.length === 0) return '-';
  const ratios = name === REFERENCE ? [] : ratiosOf(samples, name, field);
  if (ratios.length === 0) return show(median(values));
  const range = ratios.length === 1 ? '' : ` (${show(Math.min(...ratios))} to ${show(Math.max(...ratios))})`;
  return `${show(median(values))} **×${show(median(ratios))}**${range}`;
}

/** A proxy's figure divided by the reference's, of each round that has both. The samples are those of one case. */
export function ratiosOf(samples: readonly Sample[], name: string, field: Field): number[] {
  return samples.flatMap((sample) => {
    if (sample.proxy !== name || typeof sample.figures === 'string') return [];
    const reference = samples.find(({ proxy, round }) => proxy === REFERENCE && round === sample.round)?.figures;
    if (reference === undefined || typeof reference === 'string') return [];
    const [value, base] = [sample.figures[field], reference[field]];
    return value === undefined || !base ? [] : [value / base];
  });
}

function figuresOf(samples: readonly Sample[]): Figures[] {
  return samples.flatMap(({ figures }) => (typeof figures === 'string' ? [] : [figures]));
}

/** For a table's cell. */
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 300);

function show(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3);
}

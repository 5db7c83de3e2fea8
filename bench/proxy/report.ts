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

/** As ratios. */
const SUMMARY: typeof COLUMNS = [
  ['requests/s', 'requestsPerSecond'],
  ['p99', 'p99Ms'],
  ['CPU', 'cpuPer10k'],
];

interface Shown {
  cases: readonly Case[];
  proxies: readonly Candidate[];
  /** Why a proxy was not measured at all, by its name. */
  missing: ReadonlyMap<string, string>;
}

/** Markdown: each proxy that has a peer beside it, in one table for all cases; then a table with all figures for each case. */
export function renderReport(samples: readonly Sample[], shown: Shown): string {
  const summaries = shown.proxies.flatMap((proxy) => {
    const peer = shown.proxies.find(({ name }) => name === proxy.peer);
    const measured = (name: string): boolean => samples.some((sample) => sample.proxy === name && typeof sample.figures !== 'string');
    return peer && measured(proxy.name) && measured(peer.name) ? [renderSummary(samples, shown.cases, proxy, peer)] : [];
  });
  const details = shown.cases.map((each) => renderCase(ofCase(samples, each), each, shown));
  return [...summaries, ...details].join('\n\n');
}

function renderSummary(samples: readonly Sample[], cases: readonly Case[], proxy: Candidate, peer: Candidate): string {
  const rows = cases.map((each) => {
    const own = ofCase(samples, each);
    const memory = figuresOf(own, proxy.name).flatMap(({ peakMb }) => peakMb ?? []);
    const ratios = SUMMARY.map(([, field]) => showRatios(ratiosOf(own, proxy.name, field, peer.name)) || '-');
    return [each.about, ...ratios, memory.length === 0 ? '-' : show(median(memory))];
  });
  const header = ['', ...SUMMARY.map(([title]) => title), 'peak memory, MB'];
  return `## ${proxy.about}, beside ${peer.about}\n\n${table([header, ...rows])}`;
}

function renderCase(samples: readonly Sample[], each: Case, { proxies, missing }: Shown): string {
  const rows = proxies.map(({ name, about }) => {
    const own = samples.filter(({ proxy }) => proxy === name);
    const problem = missing.get(name) ?? own.map(({ figures }) => figures).find((figures) => typeof figures === 'string');
    const measured = figuresOf(own, name);
    if (measured.length === 0) return [about, `not measured: ${oneLine(problem ?? 'no round was finished')}`, ...COLUMNS.map(() => '')];
    const errors = measured.reduce((sum, figures) => sum + figures.errors, 0);
    const failed = problem === undefined ? '' : `, ${own.length - measured.length} of ${own.length} rounds failed: ${oneLine(problem)}`;
    return [about, ...COLUMNS.map(([, field]) => cell(samples, name, field)), `${errors}${failed}`];
  });
  return `## ${each.name}: ${each.about}\n\n${table([['proxy', ...COLUMNS.map(([title]) => title), 'errors'], ...rows])}`;
}

/** The median, and how it compares: `950 ×0.95 (0.93 to 0.97)`. */
function cell(samples: readonly Sample[], name: string, field: Field): string {
  const values = figuresOf(samples, name).flatMap((figures) => figures[field] ?? []);
  if (values.length === 0) return '-';
  const ratios = name === REFERENCE ? '' : showRatios(ratiosOf(samples, name, field, REFERENCE));
  return `${show(median(values))} ${ratios}`.trim();
}

/** A proxy's figure divided by another's, of each round that has both. The samples are those of one case. */
export function ratiosOf(samples: readonly Sample[], name: string, field: Field, other: string): number[] {
  return samples.flatMap((sample) => {
    if (sample.proxy !== name || typeof sample.figures === 'string') return [];
    const figures = samples.find(({ proxy, round }) => proxy === other && round === sample.round)?.figures;
    if (figures === undefined || typeof figures === 'string') return [];
    const [value, base] = [sample.figures[field], figures[field]];
    return value === undefined || !base ? [] : [value / base];
  });
}

/** The median, and from the smallest to the largest; empty when there are none. */
function showRatios(ratios: readonly number[]): string {
  if (ratios.length === 0) return '';
  const range = ratios.length === 1 ? '' : ` (${show(Math.min(...ratios))} to ${show(Math.max(...ratios))})`;
  return `**×${show(median(ratios))}**${range}`;
}

function ofCase(samples: readonly Sample[], each: Case): Sample[] {
  return samples.filter((sample) => sample.case === each.name);
}

function figuresOf(samples: readonly Sample[], name: string): Figures[] {
  return samples.flatMap(({ proxy, figures }) => (proxy === name && typeof figures !== 'string' ? [figures] : []));
}

function table(rows: readonly (readonly string[])[]): string {
  const [header = [], ...body] = rows;
  return [header, header.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** For a table's cell. */
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 300);

function show(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3);
}

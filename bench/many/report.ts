import { MEMORY_MEASURES } from '../harness/processes.ts';
import { median, percentile } from '../harness/stats.ts';
import type { LoadReport } from '../load/tally.ts';
import type { Cost, Costs } from './costs.ts';

export interface Swap {
  /** From request to answer, milliseconds. */
  deployMs: number;
  /** Of the step that switches the route. */
  promoteMs: number;
}

export interface Phase {
  swaps: Swap[];
  load: LoadReport;
}

export interface ManyReport {
  /** Nothing failed, and every state was told as it was. */
  ok: boolean;
  apps: number;
  /** Until all but the first ran and had deployed, milliseconds. */
  startMs: number;
  costs: Costs;
  /** The one app before there were others. */
  alone: Phase;
  /** The same app while all others serve. */
  beside: Phase;
  /** The same while one of the others is in a crash loop and one has a contract that is refused. */
  broken: Phase;
  /** When each app answered again after a kill -9 of the proxy, milliseconds. */
  recovered: number[];
  stopAllMs: number;
  startAllMs: number;
  /** What should not have happened, in sentences. */
  problems: string[];
}

/** Markdown. */
export function describeMany(report: ManyReport): string {
  const { costs, alone, beside, broken } = report;
  return [
    `${report.apps} apps, each with an orchestrator of its own, behind one embedded proxy. Medians, with the quartiles in brackets.`,
    '',
    `| at rest | ${MEMORY_MEASURES.join(' | ')} | CPU, of one core |`,
    '|---|---|---|---|',
    costRow('one orchestrator', costs.orchestrators),
    costRow('one instance of the app', costs.apps),
    costRow('the proxy, for all', [costs.proxy]),
    totalRow('all together', [...costs.orchestrators, ...costs.apps, costs.proxy]),
    '',
    '| 1 app swaps | deploy, request to answer | beside it alone | `promote` | requests of all apps | failed | longest gap |',
    '|---|---|---|---|---|---|---|',
    phaseRow('alone', alone, alone),
    phaseRow(`while all ${report.apps} serve`, beside, alone),
    phaseRow('the same, 1 in a crash loop, 1 with a bad contract', broken, alone),
    '',
    `First start and deploy of ${report.apps - 1} apps: ${seconds(report.startMs)}. \`stop --all\`: ${seconds(report.stopAllMs)}; \`start --all\`: ${seconds(report.startAllMs)}.`,
    '',
    `After kill -9 of the proxy the first app answered again in ${seconds(Math.min(...report.recovered))}, the last in ${seconds(Math.max(...report.recovered))}.`,
    '',
    ...report.problems.map((problem) => `- PROBLEM: ${problem}`),
    report.ok ? 'No request failed, and `greenroom apps` told every state as it was.' : 'NOT ok',
  ].join('\n');
}

function costRow(what: string, costs: readonly Cost[]): string {
  const memory = MEMORY_MEASURES.map((measure) =>
    spread(
      costs.map((cost) => cost.memory[measure]),
      'MB',
    ),
  );
  const cpu = spread(
    costs.map((cost) => cost.cpuPercent),
    '%',
  );
  return `| ${what} | ${memory.join(' | ')} | ${cpu}, mean ${show(sum(costs.map((cost) => cost.cpuPercent)) / costs.length)} % |`;
}

function totalRow(what: string, costs: readonly Cost[]): string {
  const memory = MEMORY_MEASURES.map((measure) => `${show(sum(costs.map((cost) => cost.memory[measure])))} MB`);
  return `| ${what} | ${memory.join(' | ')} | ${show(sum(costs.map((cost) => cost.cpuPercent)))} % |`;
}

function phaseRow(what: string, { swaps, load }: Phase, alone: Phase): string {
  const deploys = swaps.map((swap) => swap.deployMs);
  const ratio = median(deploys) / median(alone.swaps.map((swap) => swap.deployMs));
  const promotes = swaps.map((swap) => swap.promoteMs);
  return `| ${what} | ${spread(deploys, 'ms')} | ×${show(ratio)} | ${spread(promotes, 'ms')} | ${load.ok + load.failed} | ${load.failed} | ${load.longest_gap_ms} ms |`;
}

function spread(values: readonly number[], unit: string): string {
  const middle = `**${show(median(values))} ${unit}**`;
  return values.length < 2 ? middle : `${middle} (${show(percentile(values, 0.25))} to ${show(percentile(values, 0.75))})`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const show = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

import { median } from '../harness/stats.ts';
import type { UpgradesReport } from './run.ts';

/** Markdown: what visitors saw of each kind of upgrade, and the orchestrator's one by one. */
export function renderUpgrades({ series, orchestrator }: UpgradesReport): string {
  const seen = series.map(({ what, upgrades, load, tookMs }) => {
    const streams = ['sse', 'ws'] as const;
    const cut = streams.reduce((sum, kind) => sum + (load.kinds[kind]?.failed ?? 0), 0);
    const cells = [upgrades, load.ok, bold(load.failed), bold(cut), `${bold(load.longest_gap_ms)} ms`, spread(tookMs)];
    return `| ${what} | ${cells.join(' | ')} |`;
  });
  const each = orchestrator.map(({ moment, by, now, awayMs, deploy, turn }) => {
    const cells = [moment === 'turn' ? 'the turn begins' : `\`${moment}\``, by, now ? 'no' : 'yes', `${awayMs} ms`, deploy, turn || '–'];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| upgraded under load | upgrades | answers | requests failed | streams cut | longest gap between answers | took, or was away |',
    '|---|---|---|---|---|---|---|',
    ...seen,
    '',
    '| the orchestrator is upgraded when | deploy by | waits for it | was away | the deploy ended | the turn ended |',
    '|---|---|---|---|---|---|',
    ...each,
  ].join('\n');
}

const bold = (value: number): string => `**${value}**`;

function spread(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(0)} ms${least === most ? '' : ` (${least.toFixed(0)} to ${most.toFixed(0)})`}`;
}

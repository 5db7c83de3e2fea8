import { median } from '../harness/stats.ts';
import type { Kill } from './run.ts';

/** Markdown: a row for each router and victim, with the median and the range over the rounds. */
export function renderKills(kills: readonly Kill[]): string {
  const groups = Map.groupBy(kills, ({ router, victim }) => `${router} | ${victim}`);
  const rows = [...groups].map(([name, of]) => {
    const column = (value: (kill: Kill) => number, unit: string): string => spread(of.map(value), unit);
    const cells = [
      column((kill) => kill.answeredMs, ' ms'),
      column((kill) => kill.healthyMs, ' ms'),
      column((kill) => kill.lost, ''),
      column((kill) => kill.requests, ''),
      column((kill) => kill.lostLater, ''),
    ];
    return `| ${name} | ${of.length} | ${cells.join(' | ')} |`;
  });
  return [
    '| router | killed with -9 | rounds | first right answer after | orchestrator healthy after | requests lost | of | lost after the recovery |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function spread(values: readonly number[], unit: string): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = values.length < 2 || least === most ? '' : ` (${least.toFixed(0)} to ${most.toFixed(0)})`;
  return `**${median(values).toFixed(0)}${unit}**${range}`;
}

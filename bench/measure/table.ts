import { median, percentile } from '../harness/stats.ts';

/** One measured thing beside the least it could cost, both over the same rounds. */
export interface Row {
  what: string;
  unit: 'ms' | 'MB';
  measured: number[];
  floor: { what: string; values: number[] };
}

/** Markdown. The spread of a figure is its quartiles; the ratio's comes from the rounds, each with its own floor. */
export function renderTable(rows: readonly Row[]): string {
  const lines = rows.map(({ what, unit, measured, floor }) => {
    const ratios = measured.map((value, round) => value / (floor.values[round % floor.values.length] ?? Number.NaN));
    return `| ${what} | ${spread(measured, unit)} | ${floor.what} | ${spread(floor.values, unit)} | ${show(median(ratios))} (${show(percentile(ratios, 0.25))} to ${show(percentile(ratios, 0.75))}) |`;
  });
  return ['| what | measured: median (quartiles) | floor | floor: median (quartiles) | ratio |', '|---|---|---|---|---|', ...lines].join(
    '\n',
  );
}

function spread(values: readonly number[], unit: string): string {
  const middle = `**${show(median(values))} ${unit}**`;
  return values.length < 2 ? middle : `${middle} (${show(percentile(values, 0.25))} to ${show(percentile(values, 0.75))})`;
}

const show = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

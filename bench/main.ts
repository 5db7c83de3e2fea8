import { readOptions, wholeNumber } from './harness/options.ts';
import { writeResult } from './harness/results.ts';
import { measureCheckout } from './measure/checkout.ts';
import { measureDeploys } from './measure/deploys.ts';
import { measureMemory } from './measure/memory.ts';
import { type Row, renderTable } from './measure/table.ts';

const values = readOptions({
  rounds: { type: 'string', default: '15' },
  files: { type: 'string', default: '50000' },
  swaps: { type: 'string', default: '100' },
  only: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
});
if (values.help) {
  console.log(`npm run bench -- [--rounds 15] [--files 50000] [--swaps 100] [--only deploys|checkout|memory]

Measures Greenroom, each figure beside a floor taken in the same run, and writes a table to bench/results/.`);
  process.exit(0);
}

const log = (line: string): void => console.error(line);
const [rounds, files, swaps] = [
  wholeNumber('rounds', values.rounds),
  wholeNumber('files', values.files),
  wholeNumber('swaps', values.swaps),
];
const parts: [name: string, about: string, measure: () => Promise<Row[]>][] = [
  ['deploys', `${rounds} deploys and rollbacks, with and without a standby`, () => measureDeploys({ rounds, log })],
  ['checkout', `a ten-file change in a repository of ${files} files`, () => measureCheckout({ rounds, files, log })],
  ['memory', `memory, idle and after ${swaps} swaps`, () => measureMemory({ swaps, log })],
];
if (values.only !== undefined && !parts.some(([name]) => name === values.only)) {
  console.error(`--only must be one of ${parts.map(([name]) => name).join(', ')}, not "${values.only}".`);
  process.exit(2);
}

const rows: Row[] = [];
for (const [name, about, measure] of parts) {
  if (values.only !== undefined && values.only !== name) continue;
  log(`measuring ${about}`);
  rows.push(...(await measure()));
}

writeResult({ title: 'Bench', name: values.only ?? 'all', tables: renderTable(rows) });

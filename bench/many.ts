import { loadavg } from 'node:os';
import { readOptions, wholeNumber } from './harness/options.ts';
import { writeResult } from './harness/results.ts';
import { FEWEST_APPS } from './many/machine.ts';
import { describeMany } from './many/report.ts';
import { runMany } from './many/run.ts';

const values = readOptions({
  apps: { type: 'string', default: '50' },
  swaps: { type: 'string', default: '10' },
  idle: { type: 'string', default: '20' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
});
if (values.help) {
  console.log(`npm run bench:many -- [--apps 50] [--swaps 10] [--idle 20] [--out DIR]

Runs many apps behind one proxy, breaks two of them, and exits with 1 when a single request of the others failed.
  --apps   how many, ${FEWEST_APPS} at least; each takes about 150 MB
  --swaps  of one app: alone, beside the others, and beside the others with two broken
  --idle   seconds over which the processor time at rest is measured
  --out    folder for the table, instead of bench/results/`);
  process.exit(0);
}

const apps = wholeNumber('apps', values.apps);
if (apps < FEWEST_APPS) {
  console.error(`--apps must be at least ${FEWEST_APPS}: so many have a part of their own.`);
  process.exit(2);
}
const load = loadavg()[0] ?? 0;
const report = await runMany({
  apps,
  swaps: wholeNumber('swaps', values.swaps),
  idleMs: wholeNumber('idle', values.idle) * 1_000,
  restMs: 5_000,
  log: (line) => console.error(line),
});
const setting = `Load average before the run: ${load.toFixed(2)}.`;
const folder = values.out === undefined ? {} : { folder: values.out };
writeResult({ title: 'Many apps', name: 'many', setting, tables: describeMany(report), ...folder });
process.exitCode = report.ok ? 0 : 1;

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCheckout } from './measure/checkout.ts';
import { measureDeploys } from './measure/deploys.ts';
import { measureMemory } from './measure/memory.ts';
import { type Row, renderTable } from './measure/table.ts';

const RESULTS = new URL('results/', import.meta.url);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    files: { type: 'string', default: '50000' },
    swaps: { type: 'string', default: '100' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(`npm run bench -- [--rounds 15] [--files 50000] [--swaps 100] [--only deploys|checkout|memory]

Measures Greenroom, each figure beside a floor taken in the same run, and writes a table to bench/results/.`);
  process.exit(0);
}

const log = (line: string): void => console.error(line);
const [rounds, files, swaps] = [count('rounds'), count('files'), count('swaps')];
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

const now = new Date().toISOString();
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: RESULTS.pathname, encoding: 'utf8' }).trim();
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Linux ${release()}, Node ${process.versions.node}`;
const text = `# Bench of ${now.slice(0, 10)}\n\nCommit ${commit}; ${machine}.\n\n${renderTable(rows)}\n`;
mkdirSync(RESULTS, { recursive: true });
const file = new URL(`${now.slice(0, 16).replaceAll(':', '')}-${values.only ?? 'all'}.md`, RESULTS);
writeFileSync(file, text);
console.log(`${text}\nwritten to ${file.pathname}`);

function count(name: 'rounds' | 'files' | 'swaps'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${name} must be a whole number of at least 1, not "${values[name]}".`);
  process.exit(2);
}

/**
 * `npm run bench:gate`: what the gate's search for secrets finds among generated credentials of many providers, what it takes for one in the sources of
 * well-known packages, and what it costs. `--seed=N` repeats a run.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Found } from '../packages/greenroom/src/orchestrator/adapters/gate/secrets/scan.ts';
import { createScanner } from '../packages/greenroom/src/orchestrator/adapters/gate/secrets/scanner.ts';
import { makeTokens } from './gate/tokens.ts';

const ROUNDS = 20;
const PACKAGES = [
  'typescript',
  'zod',
  'hono',
  'fast-check',
  'ws',
  '@hono/node-server',
  '@stricli/core',
  '@types/node',
  'yaml',
  'knip',
  'pure-rand',
  'jiti',
];
const SOURCE = /\.(?:js|cjs|mjs|ts|cts|mts|json|md|css|html)$/;
const LINE_COUNTS = [2_000, 200_000];
const MEGABYTE = 1024 * 1024;

const root = join(import.meta.dirname, '..');
const seed = Number(process.argv.find((argument) => argument.startsWith('--seed='))?.slice(7) ?? Math.floor(Math.random() * 1e9));

await hits();
await falseAlarms();
await times();

async function hits(): Promise<void> {
  const counts = new Map<string, { found: number; rules: Set<string> }>();
  for (let round = 0; round < ROUNDS; round++) {
    const tokens = makeTokens(seed + round);
    const found = await search(tokens.map(({ text }) => `// settings\n${text}\n`));
    for (const [index, { provider }] of tokens.entries()) {
      const count = counts.get(provider) ?? { found: 0, rules: new Set() };
      for (const { rule } of found[index] ?? []) count.rules.add(rule);
      if ((found[index] ?? []).length > 0) count.found += 1;
      counts.set(provider, count);
    }
  }
  console.log(`Generated credentials, ${ROUNDS} of each kind (seed ${seed}):\n`);
  for (const [provider, { found, rules }] of counts) {
    console.log(`  ${provider.padEnd(22)} ${String(found).padStart(2)}/${ROUNDS}  ${[...rules].join(', ')}`);
  }
  const all = [...counts.values()];
  const whole = all.filter(({ found }) => found === ROUNDS).length;
  const total = all.reduce((sum, { found }) => sum + found, 0);
  console.log(`\n  found ${total} of ${all.length * ROUNDS}; ${whole} of ${all.length} kinds always\n`);
}

async function falseAlarms(): Promise<void> {
  console.log('Sources of published packages, every finding counted as a false alarm:\n');
  let alarms = 0;
  let sum = 0;
  for (const name of PACKAGES) {
    const files = sources(realpathSync(join(root, 'node_modules', name)));
    const found = await search(files.map(({ text }) => text));
    const places = found.flatMap((each, index) => each.map((one) => ({ ...one, file: files[index]?.file ?? '' })));
    const lines = files.reduce((count, { text }) => count + text.split('\n').length, 0);
    alarms += places.length;
    sum += lines;
    console.log(
      `  ${name.padEnd(22)} ${String(files.length).padStart(5)} files ${String(lines).padStart(7)} lines ${String(places.length).padStart(3)} alarms`,
    );
    for (const { file, line, rule, shown } of places.slice(0, 5)) console.log(`      ${file}:${line} ${rule} ${shown}`);
  }
  console.log(`\n  ${alarms} false alarms in ${sum} lines\n`);
}

async function times(): Promise<void> {
  const text = sources(realpathSync(join(root, 'node_modules', 'zod')))
    .map((each) => each.text)
    .join('\n');
  const lines = text.split('\n');
  console.log('Time of the search, rules loaded in a fresh thread each time:\n');
  for (const count of LINE_COUNTS) {
    const chosen = Array.from({ length: count }, (_, index) => lines[index % lines.length] ?? '').join('\n');
    const runs: number[] = [];
    for (let run = 0; run < 5; run++) {
      const started = performance.now();
      await search([chosen]);
      runs.push(performance.now() - started);
    }
    runs.sort((one, other) => one - other);
    console.log(
      `  ${String(count).padStart(7)} lines, ${(chosen.length / MEGABYTE).toFixed(1)} MB: median ${runs[2]?.toFixed(0)} ms (${runs[0]?.toFixed(0)} to ${runs[4]?.toFixed(0)})`,
    );
  }
  const long = lines.join(' ').slice(0, MEGABYTE);
  const started = performance.now();
  await search([long]);
  console.log(`  one line of 1 MB: ${(performance.now() - started).toFixed(0)} ms`);
  const idle = process.memoryUsage.rss();
  const scanner = createScanner([], new AbortController().signal);
  await scanner.scan([new TextEncoder().encode('x')]);
  console.log(`  memory that the thread adds while it runs: ${((process.memoryUsage.rss() - idle) / MEGABYTE).toFixed(0)} MB`);
  await scanner.close();
}

async function search(texts: readonly string[]): Promise<Found[][]> {
  const scanner = createScanner([], new AbortController().signal);
  try {
    return await scanner.scan(texts.map((text) => new TextEncoder().encode(text)));
  } finally {
    await scanner.close();
  }
}

function sources(folder: string): { file: string; text: string }[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => SOURCE.test(name) && !name.includes('node_modules'),
  );
  return names.flatMap((name) => {
    try {
      return [{ file: name, text: readFileSync(join(folder, name), 'utf8') }];
    } catch (error) {
      // A folder may be named like a file.
      if ((error as NodeJS.ErrnoException).code === 'EISDIR') return [];
      throw error;
    }
  });
}

/**
 * Writes the files and parts of files that are made from the code: the JSON Schema of the contract and the tables of the guides.
 * `--check` writes nothing, names what is stale and exits with 1.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { renderReference } from '../packages/greenroom/src/cli/reference.ts';
import { METRICS } from '../packages/greenroom/src/orchestrator/api/metric-definitions.ts';
import { contractJsonSchema, contractSchemaText } from '../packages/greenroom/src/orchestrator/core/contract-schema.ts';
import { contractTable } from './generate/contract-table.ts';
import { metricsTable } from './generate/metrics-table.ts';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');

/** One generated text: a whole file, or the part of a hand-written one between `<!-- generated:NAME -->` and `<!-- /generated:NAME -->`. */
interface Generated {
  file: string;
  part?: string;
  text: () => string | Promise<string>;
}

const generated: Generated[] = [
  { file: 'packages/greenroom/contract.schema.json', text: contractSchemaText },
  { file: 'docs/guides/contract.md', part: 'fields', text: () => contractTable(contractJsonSchema()) },
  { file: 'docs/guides/observability.md', part: 'metrics', text: () => metricsTable(METRICS) },
  { file: 'docs/guides/cli.md', part: 'reference', text: renderReference },
];

let stale = 0;
for (const { file, part, text } of generated) {
  const path = join(root, file);
  if (part !== undefined && !existsSync(path)) continue; // a guide that nobody has written has no stale part
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const after = part === undefined ? await text() : withPart(before, part, await text(), file);
  if (after === before) continue;
  stale++;
  if (!check) writeFileSync(path, after);
  console.log(check ? `${file} is stale; run: node ${relative(root, import.meta.filename)}` : `wrote ${file}`);
}
if (check && stale > 0) process.exitCode = 1;

function withPart(before: string, part: string, text: string, file: string): string {
  const start = `<!-- generated:${part} -->\n`;
  const end = `<!-- /generated:${part} -->`;
  const from = before.indexOf(start);
  const to = before.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no markers ${start.trim()} … ${end}`);
  return `${before.slice(0, from + start.length)}\n${text.trim()}\n\n${before.slice(to)}`;
}

import type { Coverage } from './coverage.ts';
import type { TestResult } from './run.ts';
import type { ConformanceTest } from './test.ts';

/** One test, as soon as it is done. */
export function printResult(result: TestResult): void {
  const ids = [...new Set(result.findings.map(({ requirement }) => requirement))];
  const problems = result.findings.filter(({ problem }) => problem !== '');
  const mark = problems.length === 0 ? 'pass' : 'FAIL';
  print(`${mark}  ${result.name}  [${ids.join(' ')}]  ${(result.durationMs / 1000).toFixed(1)} s`);
  for (const { requirement, problem } of problems) print(`      ${requirement}: ${indent(problem)}`);
  if (result.log) print(`      the orchestrator's last words:\n        ${result.log.replaceAll('\n', '\n        ')}`);
}

export function printSummary(
  results: readonly TestResult[],
  skipped: readonly ConformanceTest[],
  requirements: ReadonlyMap<string, string>,
  coverage: Coverage,
): void {
  const findings = results.flatMap((result) => result.findings);
  const failed = new Set(findings.flatMap(({ requirement, problem }) => (problem ? [requirement] : [])));
  const held = new Set(findings.flatMap(({ requirement }) => (failed.has(requirement) ? [] : [requirement])));
  print('');
  for (const test of skipped) print(`not declared by the adapter: ${test.feature} [${test.covers.join(' ')}]`);
  for (const id of failed) print(`fails: ${id} ${requirements.get(id) ?? ''}`);
  print(`${results.length} tests; of ${requirements.size} requirements ${held.size} hold and ${failed.size} fail`);
  printGaps(coverage);
}

/** Which test covers which requirement. */
export function printCoverage(requirements: ReadonlyMap<string, string>, tests: readonly ConformanceTest[], coverage: Coverage): void {
  for (const [id, text] of requirements) {
    print(`${id}  ${text}`);
    for (const test of tests.filter(({ covers }) => covers.includes(id))) print(`    ${test.name}`);
  }
  print(`${tests.length} tests cover ${requirements.size - coverage.untested.length} of ${requirements.size} requirements`);
  printGaps(coverage);
}

function printGaps({ untested, unknown }: Coverage): void {
  for (const id of untested) print(`requirement without a test: ${id}`);
  for (const id of unknown) print(`a test names ${id}, which the specification does not have`);
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n        ');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

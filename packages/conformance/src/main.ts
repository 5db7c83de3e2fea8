#!/usr/bin/env node
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { coverageOf } from './coverage.ts';
import { printCoverage, printResult, printSummary } from './report.ts';
import { declaredFeatures, runTests } from './run.ts';
import { readRequirements, shippedSpec } from './spec.ts';
import { allTests } from './suite.ts';

const DEFAULT_PARALLEL = 2;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const USAGE = `Usage: greenroom-conformance --adapter FILE [options]
       greenroom-conformance --list

Runs every conformance test against the orchestrator that the adapter starts.

  --adapter FILE   executable: FILE --config F --repo DIR --data DIR --port N (foreground until SIGTERM), FILE --features
  --only ID        only tests of this requirement (START-1) or section (START); may be repeated
  --parallel N     tests at the same time (default ${DEFAULT_PARALLEL})
  --spec FILE      specification to check the coverage against (default: the one that came with the suite)
  --json           one JSON document at the end instead of text
  --list           requirements and the tests that cover them; runs nothing

Exit code: 0 all hold, 1 a requirement fails or has no test, 2 wrong use.
`;

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`greenroom-conformance: ${error instanceof Error ? error.message : String(error)}\n`);
  return EXIT_USAGE;
});

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      adapter: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      parallel: { type: 'string', default: String(DEFAULT_PARALLEL) },
      spec: { type: 'string' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const requirements = readRequirements(values.spec ?? shippedSpec());
  const coverage = coverageOf(requirements, allTests);
  const gaps = coverage.untested.length + coverage.unknown.length > 0;
  if (values.list) {
    printCoverage(requirements, allTests, coverage);
    return gaps ? EXIT_FAILED : 0;
  }
  if (!values.adapter) throw new Error(`--adapter FILE is missing.\n\n${USAGE}`);
  const parallel = Number(values.parallel);
  if (!Number.isInteger(parallel) || parallel < 1)
    throw new Error(`--parallel must be a whole number from 1 on, not "${values.parallel}".`);
  const adapter = [resolve(values.adapter)];
  accessSync(adapter[0] ?? '', constants.X_OK);
  const features = await declaredFeatures(adapter);
  const wanted = (id: string): boolean => values.only.length === 0 || values.only.some((only) => id === only || id.startsWith(`${only}-`));
  const chosen = allTests.filter((test) => test.covers.some(wanted));
  if (chosen.length === 0) throw new Error(`no test covers ${values.only.join(', ')}; see --list.`);
  const tests = chosen.filter((test) => !test.feature || features.includes(test.feature));
  const skipped = chosen.filter((test) => !tests.includes(test));
  const results = await runTests({ adapter, tests, parallel, ...(values.json ? {} : { onResult: printResult }) });
  const failed = results.some(({ findings }) => findings.some(({ problem }) => problem !== ''));
  if (values.json)
    process.stdout.write(
      `${JSON.stringify({ passed: !failed && !gaps, results, coverage, not_declared: skipped.map(({ name }) => name) }, null, 2)}\n`,
    );
  else printSummary(results, skipped, requirements, coverage);
  return failed || gaps ? EXIT_FAILED : 0;
}

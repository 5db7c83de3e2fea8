import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { declaredFeatures, runTests } from '../src/run.ts';
import { readRequirements, shippedSpec } from '../src/spec.ts';
import { allTests } from '../src/suite.ts';
import { FEATURES } from '../src/test.ts';

const REFERENCE = fileURLToPath(new URL('reference/main.ts', import.meta.url));
const AT_THE_SAME_TIME = 2;

it('the reference orchestrator holds every requirement, optional ones included', async () => {
  assert.deepEqual(await declaredFeatures([REFERENCE]), FEATURES);
  const results = await runTests({ adapter: [REFERENCE], tests: allTests, parallel: AT_THE_SAME_TIME });
  const findings = results.flatMap((result) => result.findings);
  const problems = findings.filter(({ problem }) => problem !== '');
  assert.deepEqual(problems, []);
  const held = new Set(findings.map(({ requirement }) => requirement));
  assert.deepEqual([...held].sort(), [...readRequirements(shippedSpec()).keys()].sort());
});

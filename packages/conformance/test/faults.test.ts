import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LEFTOVERS, runTests } from '../src/run.ts';
import { readRequirements, shippedSpec } from '../src/spec.ts';
import { allTests } from '../src/suite.ts';
import { FAULTS } from './reference/faults.ts';

const REFERENCE = fileURLToPath(new URL('reference/main.ts', import.meta.url));
const AT_THE_SAME_TIME = 3;

describe('each requirement is really tested: a variant that violates it fails it, and nothing else', {
  concurrency: AT_THE_SAME_TIME,
}, () => {
  for (const [fault, { breaks, ...more }] of Object.entries(FAULTS)) {
    const also: readonly string[] = 'also' in more ? more.also : [];
    it(`${breaks} fails with ${fault}`, async () => {
      const tests = allTests.filter(({ covers }) => covers.includes(breaks));
      const results = await runTests({ adapter: [process.execPath, REFERENCE, '--fault', fault], tests, parallel: 1 });
      const failed = results.flatMap(({ findings }) => findings.filter(({ problem }) => problem !== ''));
      const ids = [...new Set(failed.map(({ requirement }) => requirement))].sort();
      assert.deepEqual(ids, [breaks, ...also].sort(), failed.map(({ requirement, problem }) => `${requirement}: ${problem}`).join('\n'));
    });
  }
});

it('every requirement of the specification has a variant that violates it', () => {
  const violated = new Set<string>(Object.values(FAULTS).map(({ breaks }) => breaks));
  const spared = [...readRequirements(shippedSpec()).keys()].filter((id) => !violated.has(id));
  assert.deepEqual(spared, []);
  assert.ok(violated.has(LEFTOVERS));
});

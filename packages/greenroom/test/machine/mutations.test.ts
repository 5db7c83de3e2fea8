import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { MUTANTS } from './mutants.ts';
import { RULES, type Rule } from './rules.ts';
import { firstViolation } from './run.ts';

/** The rarest fault shows in far fewer. */
const STORIES_PER_MUTANT = 1_500;

test('the machine as it is breaks no rule', () => {
  assert.equal(firstViolation(transition, 20), null);
});

const caught = new Set<Rule>();

for (const { name, machine, caughtBy } of MUTANTS) {
  test(`a machine that ${name} is caught by ${caughtBy.join(' or ')}`, (t) => {
    const violation = firstViolation(machine, STORIES_PER_MUTANT);
    assert.ok(violation, `no rule was broken in ${STORIES_PER_MUTANT} stories`);
    assert.ok(caughtBy.includes(violation.rule), `caught by ${violation.rule}`);
    caught.add(violation.rule);
    t.diagnostic(`${violation.rule} after ${violation.stories} stories`);
  });
}

test('every rule caught a fault', () => {
  assert.deepEqual(
    RULES.filter((it) => !caught.has(it)),
    [],
  );
});

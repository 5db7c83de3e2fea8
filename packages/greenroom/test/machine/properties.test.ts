import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { SITUATIONS } from './coverage.ts';
import { runStory } from './model.ts';
import { numbersOfAStory, SEED, STORIES } from './run.ts';

/** A failing story is made shorter for this long at most. */
const SHRINK_MS = 120_000;

test('whatever happens in whatever order, the rules hold, and every situation that matters was reached', (t) => {
  const reached = new Map<string, number>();
  let events = 0;
  const story = fc.property(numbersOfAStory(400), (numbers) => {
    const sim = runStory(transition, numbers, (situation) => reached.set(situation, (reached.get(situation) ?? 0) + 1));
    events += sim.journal.length;
  });
  const timeLimit = STORIES > 10_000 ? {} : { interruptAfterTimeLimit: SHRINK_MS };
  fc.assert(story, { numRuns: STORIES, seed: SEED, ...timeLimit });
  t.diagnostic(`seed ${SEED}: ${STORIES} stories, ${events} events, rarest situations: ${rarest(reached)}`);
  const never = SITUATIONS.filter((it) => !reached.has(it));
  assert.deepEqual(never, [], 'situations that no story reached');
});

function rarest(reached: Map<string, number>): string {
  const counted = [...reached].sort(([, one], [, other]) => one - other).slice(0, 8);
  return counted.map(([situation, count]) => `${situation} ${count}`).join(', ');
}

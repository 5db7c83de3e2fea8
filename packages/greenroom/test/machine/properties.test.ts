import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { SITUATIONS } from './coverage.ts';
import { runStory } from './model.ts';
import { numbersOfAStory, SEED, STORIES } from './run.ts';

/** A failing story is made shorter for this long at most, beside the time that all stories need. */
const SHRINK_MS = 60_000;
const MOST_MS_PER_STORY = 200;
/** More stories are told as long as a situation is missing: a change of the machine changes which stories reach it. */
const MOST_BATCHES = 4;

test('whatever happens in whatever order, the rules hold, and every situation that matters was reached', (t) => {
  const reached = new Map<string, number>();
  let events = 0;
  const story = fc.property(numbersOfAStory(400), (numbers) => {
    const sim = runStory(transition, numbers, (situation) => reached.set(situation, (reached.get(situation) ?? 0) + 1));
    events += sim.journal.length;
  });
  const interruptAfterTimeLimit = SHRINK_MS + STORIES * MOST_MS_PER_STORY;
  let batches = 0;
  do fc.assert(story, { numRuns: STORIES, seed: SEED + batches++, interruptAfterTimeLimit, markInterruptAsFailure: true });
  while (neverReached().length > 0 && batches < MOST_BATCHES);
  t.diagnostic(`seed ${SEED}: ${STORIES * batches} stories, ${events} events, rarest situations: ${rarest(reached)}`);
  assert.deepEqual(neverReached(), [], 'situations that no story reached');

  function neverReached(): string[] {
    return SITUATIONS.filter((it) => !reached.has(it));
  }
});

function rarest(reached: Map<string, number>): string {
  const counted = [...reached].sort(([, one], [, other]) => one - other).slice(0, 8);
  return counted.map(([situation, count]) => `${situation} ${count}`).join(', ');
}

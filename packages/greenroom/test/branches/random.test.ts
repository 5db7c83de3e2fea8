import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { randomWorld } from './random-world.ts';

/** `GREENROOM_RANDOM_STEPS=400 GREENROOM_RANDOM_RUNS=5` for a long run; `GREENROOM_RANDOM_SEED` and `GREENROOM_RANDOM_PATH` repeat one. */
const STEPS = Number(process.env['GREENROOM_RANDOM_STEPS'] ?? 100);
const RUNS = Number(process.env['GREENROOM_RANDOM_RUNS'] ?? 2);
const SEED = Number(process.env['GREENROOM_RANDOM_SEED'] ?? 0);
const PATH = process.env['GREENROOM_RANDOM_PATH'] ?? '';
/** From so many steps on, every outcome that matters has to have come up. */
const ENOUGH_STEPS = 1_000;

/** Moves between two looks at all commits, which is what costs most. */
const CHECK_EVERY = 10;

/** How often each move is drawn. */
const WEIGHTS: Record<string, number> = {
  humanCommits: 4,
  humanPushes: 4,
  humanWorksOnMachine: 2,
  humanReverts: 1,
  agentEdits: 2,
  agentCommits: 5,
  agentMergesMain: 4,
  agentMergesNothing: 1,
  agentRestoresWork: 1,
  agentMergesPublished: 2,
  agentTakesWorkBack: 1,
  agentTurn: 2,
  deployMachine: 7,
  deployMain: 3,
  rollback: 1,
  retryPush: 1,
  acceptByMerge: 2,
  acceptBySquash: 4,
  acceptEdited: 1,
  deletePublished: 1,
  reset: 7,
  network: 2,
};

const MUST_SEE = [
  'push pushed',
  'push up_to_date',
  'push rejected',
  'push unreachable',
  'reset reset',
  'reset not_needed',
  'postponed agent_busy',
  'state merged',
  'state partly',
  'state unmerged',
  'replaced',
  'refused',
  'refused undone',
  'refused what loses work',
  'machine went live',
  'main went live',
  'accepted by merge',
  'accepted by squash',
  'accepted by edited',
  'human pushed to machine',
  'took rescued work back',
  'published branch deleted',
];

const move = fc.record({
  name: fc.oneof(...Object.entries(WEIGHTS).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name) }))),
  choice: fc.nat(1_000),
});

test(`two humans and an agent, ${RUNS} × ${STEPS} random moves: no commit is lost and nothing of others is overwritten`, async (t) => {
  const total = new Map<string, number>();
  let steps = 0;
  const property = fc.asyncProperty(fc.array(move, { minLength: STEPS, maxLength: STEPS, size: 'max' }), async (moves) => {
    await play(t, moves, total);
    steps += moves.length;
  });
  // Without shrinking: a run takes long, and the list of moves tells enough.
  await fc.assert(property, {
    numRuns: RUNS,
    endOnFailure: true,
    ...(SEED === 0 ? {} : { seed: SEED }),
    ...(PATH === '' ? {} : { path: PATH }),
  });
  t.diagnostic(
    [...total]
      .sort()
      .map(([what, times]) => `${what}: ${times}`)
      .join(', '),
  );
  if (steps >= ENOUGH_STEPS)
    assert.deepEqual(
      MUST_SEE.filter((what) => !total.has(what)),
      [],
      'outcomes that never came up',
    );
});

async function play(t: TestContext, moves: readonly { name: string; choice: number }[], total: Map<string, number>): Promise<void> {
  const world = await randomWorld(t);
  for (const [at, { name, choice }] of moves.entries()) {
    try {
      await world.moves[name]?.(choice);
      if (at % CHECK_EVERY === 0) world.checkReachable();
    } catch (error) {
      throw new Error(`move ${at} (${name} ${choice}) failed: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  await world.settle();
  world.checkReachable();
  for (const [what, times] of world.seen) total.set(what, (total.get(what) ?? 0) + times);
}

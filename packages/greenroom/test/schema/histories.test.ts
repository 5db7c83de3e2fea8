import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { playHistory, type Seen, type Step } from './history.ts';

const version = fc.nat({ max: 4 });
/** True once in so many. */
const seldom = (times: number): fc.Arbitrary<boolean> => fc.nat({ max: times - 1 }).map((it) => it === 0);
const commit = fc.record({ min: fc.nat({ max: 2 }), span: fc.nat({ max: 3 }), honest: seldom(10).map((it) => !it), silent: seldom(10) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('deploy' as const), commit, meanwhile: fc.option(version, { freq: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('rollback' as const), meanwhile: fc.option(version, { freq: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('migrate' as const), to: version }) },
  { weight: 1, arbitrary: fc.constant({ type: 'standby ends' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'crash' as const }) },
);

test('whatever is deployed, migrated and rolled back in whatever order, nothing is promoted outside of its declared range', async (t) => {
  const reached = new Map<Seen, number>();
  const seen = (what: Seen): void => void reached.set(what, (reached.get(what) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), fc.boolean(), async (steps, warm) => {
      const { promotions, views } = await playHistory(steps, warm ? 30_000 : 0, seen);
      for (const { commit, min, max, at } of promotions)
        assert.ok(at >= min && at <= max, `${commit} (${min} to ${max}) went live at ${at}`);
      for (const { fits, allowed } of views)
        if (fits !== 'unknown') assert.equal(fits === 'yes', allowed, 'the status told another story than the rollback');
    }),
    { numRuns: 300, seed: 7 },
  );
  t.diagnostic([...reached].map(([what, count]) => `${what} ${count}`).join(', '));
  const wanted: Seen[] = [
    'deploy promoted',
    'deploy refused at probe',
    'deploy refused at promote',
    'rollback promoted',
    'rollback refused at probe',
    'rollback refused at promote',
    'warm rollback refused',
    'warm rollback promoted',
    'restarted outside of its range',
  ];
  assert.deepEqual(
    wanted.filter((it) => !reached.has(it)),
    [],
  );
});

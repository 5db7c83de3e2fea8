import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git } from '../../../../bench/harness/repo.ts';
import { until } from '../e2e/rig.ts';
import type { KillPoint } from '../recovery/kill-points.ts';
import { openReconcileRig } from './rig.ts';

test('a deploy of a push that a kill -9 cut off is made up for by the loop itself', { timeout: 60_000 }, async (t) => {
  const rig = await openReconcileRig(t, { contract: { reconcile_interval_ms: 1_000 } });
  assert.ok((await rig.client.deploy({ branch: 'main' })).success);
  const commit = rig.push({ name: 'slow', listensAfterMs: 1_500 });
  await rig.deliver();
  await until(
    async () => (await rig.status()).deploys[0]?.steps.find((it) => it.step === 'probe')?.status === 'running',
    () => rig.log(),
  );
  await rig.kill();
  await rig.start();
  await rig.becomesLive(commit);
  const [first, second, ...rest] = (await rig.attempts()).filter((it) => it.commit === commit);
  assert.deepEqual([first?.code, second?.status, second?.trigger, rest.length], ['interrupted', 'succeeded', 'reconcile', 0]);
});

test('kill -9 anywhere in a round: nothing is lost, nothing is deployed twice, and the next round finishes', {
  timeout: 120_000,
}, async (t) => {
  const rig = await openReconcileRig(t, { killPoints: true });
  assert.ok((await rig.client.deploy({ branch: 'main' })).success);
  assert.ok((await rig.client.deploy({ commit: rig.push({ name: 'begin' }) })).success);
  await rig.settles();
  const killFile = join(rig.root, 'kill-at');

  const points: Record<string, KillPoint> = {
    'before the drift is recorded': { at: 'journal', match: 'drift_changed', when: 'before' },
    'half of that record is on disk': { at: 'journal', match: 'drift_changed', when: 'torn' },
    'the drift is recorded': { at: 'journal', match: 'drift_changed', when: 'after' },
    'the deploy is about to be asked for': { at: 'journal', match: 'deploy_requested', when: 'before' },
    'the deploy is asked for': { at: 'journal', match: 'deploy_requested', when: 'after' },
    'the edits are about to be kept': { at: 'spawn', match: 'commit-tree', when: 'before' },
    'the edits are being kept': { at: 'spawn', match: 'refs/greenroom/rescue/', when: 'after' },
    'the slot is being restored': { at: 'spawn', match: 'checkout', when: 'after' },
  };
  for (const [name, point] of Object.entries(points)) {
    await t.test(name, async () => {
      const inSlots = point.at === 'spawn';
      // A round deploys first: only without a deploy it gets to the slots.
      const commit = inSlots ? (await rig.status()).live_commit : rig.push({ name });
      const slot = rig.layout.slot((await rig.status()).live_slot || 'a');
      const edit = `edited before: ${name}\n`;
      writeFileSync(join(slot, 'edited.txt'), edit);
      writeFileSync(killFile, JSON.stringify(point));
      const died = rig.reconcile().then(
        () => assert.fail('the round came to its end'),
        () => undefined,
      );
      await died;
      await until(
        () => !existsSync(killFile),
        () => `it was not killed at ${JSON.stringify(point)}`,
      );
      await rig.kill();
      await rig.start();
      await rig.reconcile();
      await rig.becomesLive(commit);
      // What the deploy went before is restored by the next round.
      await rig.reconcile();
      assert.deepEqual(await rig.reconcile(), []);
      const done = (await rig.attemptsOf(commit)).filter((it) => it.startsWith('succeeded'));
      assert.equal(done.length, 1, String(await rig.attemptsOf(commit)));
      assert.equal(existsSync(join(slot, 'edited.txt')), false);
      const kept = git(rig.layout.repo, 'for-each-ref', '--format=%(refname)', 'refs/greenroom/rescue').split('\n').filter(Boolean);
      const contents = kept.map((ref) => git(rig.layout.repo, 'show', `${ref}:edited.txt`));
      assert.ok(contents.includes(edit.trim()), `the edit is not among ${contents}`);
    });
  }
  rmSync(killFile, { force: true });
  assert.match(readFileSync(rig.logFile, 'utf8'), /saved uncommitted work/);
});

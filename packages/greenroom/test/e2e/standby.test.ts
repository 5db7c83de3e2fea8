import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RollbackSuccess } from '@greenroom/sdk/wire';
import { instanceProcesses, openRig, pidOf, type Rig, until, visitAllTheTime } from './rig.ts';

const STANDBY_MS = 4_000;

async function rollBack(rig: Rig): Promise<RollbackSuccess> {
  const answer = await rig.client.rollback();
  assert.ok(answer.success && !('dry_run' in answer), JSON.stringify(answer, null, 2));
  return answer;
}

describe('rollback', { concurrency: 2 }, () => {
  test('goes to the warm standby without a boot; a standby expires', async (t) => {
    const rig = await openRig(t, { contract: { standby_ms: STANDBY_MS } });
    await rig.live(rig.commit({ name: 'one' }));
    const first = pidOf(await rig.status());
    await rig.live(rig.commit({ name: 'two' }));
    await until(
      async () => (await rig.status()).slots.some((it) => it.role === 'standby'),
      () => 'a standby',
    );
    const visits = visitAllTheTime(rig);
    const plan = await rig.client.rollback({ dry_run: true });
    assert.ok(plan.success && 'steps' in plan);
    const answer = await rollBack(rig);
    assert.deepEqual(await visits.end(), []);
    const status = await rig.status();
    assert.equal(pidOf(status), first, 'the very process that served before');
    assert.equal((await rig.visit()).body, 'one\n');
    assert.ok(!plan.steps.some((it) => it.step === 'boot'));
    const attempt = await rig.client.attempt(answer.id);
    assert.ok(!attempt?.steps.some((it) => it.step === 'boot' && it.status !== 'skipped'), JSON.stringify(attempt?.steps));
    await until(
      () => instanceProcesses(rig.data).size === 1,
      () => 'the standby has not expired',
      STANDBY_MS * 3,
    );
    const roles = async (): Promise<string[]> => (await rig.status()).slots.map((it) => it.role).sort();
    await until(
      async () => (await roles()).join() === 'live,previous',
      () => 'the standby is not gone',
    );
    // Cold by now: the next rollback boots.
    const back = await rollBack(rig);
    assert.equal((await rig.visit()).body, 'two\n');
    assert.ok((await rig.client.attempt(back.id))?.steps.some((it) => it.step === 'boot' && it.status === 'succeeded'));
  });

  test('toggles, works after failed deploys, and ends a deploy that is not promoted', async (t) => {
    const rig = await openRig(t, { contract: { health_timeout_ms: 8_000 } });
    const one = rig.commit({ name: 'one' });
    const two = rig.commit({ name: 'two' });
    await rig.live(one);
    await rig.live(two);

    await t.test('twice is back where it was', async () => {
      for (const [name, live, previous] of [
        ['one', one, two],
        ['two', two, one],
      ] as const) {
        const answer = await rollBack(rig);
        assert.equal(answer.commit, live);
        const status = await rig.status();
        assert.deepEqual([status.live_commit, status.previous_commit], [live, previous]);
        assert.equal((await rig.visit()).body, `${name}\n`);
      }
    });

    await t.test('after a failed deploy its slot is as it was', async () => {
      await rig.refused({ commit: rig.commit({ exits: 'no' }) }, { code: 'boot_exited' });
      const answer = await rollBack(rig);
      assert.equal((await rig.visit()).body, 'one\n');
      const steps = (await rig.client.attempt(answer.id))?.steps.map((it) => it.step) ?? [];
      assert.ok(!steps.includes('prepare'), `nothing was left to prepare: ${steps}`);
    });

    await t.test('ends a deploy that waits for its health', async () => {
      const hanging = rig.commit({ neverListens: true });
      const deploy = rig.client.deploy({ commit: hanging });
      await until(
        async () => (await rig.status()).attempt?.steps.some((it) => it.step === 'probe' && it.status === 'running') ?? false,
        () => 'the probe',
      );
      const began = performance.now();
      const answer = await rollBack(rig);
      assert.equal(answer.commit, two);
      assert.ok(performance.now() - began < 7_000, 'did not wait for the health timeout');
      const ended = await deploy;
      assert.ok(!ended.success && ended.code === 'aborted', JSON.stringify(ended));
      assert.match(ended.error, new RegExp(answer.id));
      assert.equal((await rig.visit()).body, 'two\n');
      await until(
        () => instanceProcesses(rig.data).size === 1,
        () => JSON.stringify([...instanceProcesses(rig.data)]),
      );
    });

    await t.test('asked for twice at once is one rollback', async () => {
      const [first, second] = await Promise.all([rollBack(rig), rollBack(rig)]);
      assert.equal((await rig.status()).live_commit, one);
      assert.equal(first.id, second.id);
    });
  });
});

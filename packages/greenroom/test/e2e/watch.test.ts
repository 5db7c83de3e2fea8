import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ask } from './ask.ts';
import { instanceProcesses, openRig, pidOf, type Rig, until } from './rig.ts';

/** A request that the app does not survive. */
async function crash(rig: Rig): Promise<void> {
  const outcome = await ask({ port: rig.port, path: '/crash' }).then(
    ({ status }) => status,
    () => 0,
  );
  assert.notEqual(outcome, 200);
}

const rolledBackTo = (rig: Rig, commit: string): Promise<void> =>
  until(
    async () => {
      const { live_commit, healthy, attempt } = await rig.status();
      return live_commit === commit && healthy && attempt === null;
    },
    () => 'the rollback by itself',
  );

describe('while a release is live', { concurrency: 2 }, () => {
  test('one that crashes or fails its health inside the watch is rolled back by itself and quarantined', async (t) => {
    const rig = await openRig(t, { contract: { watch_ms: 30_000 } });
    const good = rig.commit({ name: 'good' });
    await rig.live(good);

    await t.test('a crash', async () => {
      const bad = rig.commit({ name: 'bad' });
      const { id } = await rig.live(bad);
      assert.equal((await rig.status()).watch?.id, id);
      await crash(rig);
      await rolledBackTo(rig, good);
      assert.equal((await rig.visit()).body, 'good\n');
      const watched = await rig.client.attempt(id);
      assert.deepEqual([watched?.status, watched?.code, watched?.promoted], ['rolled_back', 'rolled_back', true]);
      assert.match(watched?.error ?? '', /exited with code 7/);
      const { quarantine, deploys } = await rig.status();
      assert.deepEqual(quarantine, [bad]);
      assert.deepEqual([deploys[0]?.kind, deploys[0]?.trigger, deploys[0]?.caller], ['rollback', 'reconcile', 'orchestrator']);
    });

    await t.test('there is no way back to it but by an explicit deploy', async () => {
      const refused = await rig.client.rollback();
      assert.ok(!refused.success && refused.code === 'no_previous_release');
      assert.match(refused.evidence?.remedy ?? '', /greenroom deploy/);
      const [bad = ''] = (await rig.status()).quarantine;
      await rig.live(bad);
      assert.deepEqual((await rig.status()).quarantine, []);
      assert.ok((await rig.client.rollback()).success);
      assert.deepEqual((await rig.status()).quarantine, [bad], 'also what a person rolled back from');
    });

    await t.test('health that fails after the promotion, while the app still answers', async () => {
      const sick = rig.commit({ name: 'sick' });
      const { id } = await rig.live(sick);
      assert.equal((await rig.visit('/sick')).status, 200);
      await rolledBackTo(rig, good);
      const watched = await rig.client.attempt(id);
      assert.equal(watched?.status, 'rolled_back');
      assert.match(watched?.error ?? '', /health endpoint failed 3 times in a row/);
      assert.ok((await rig.status()).quarantine.includes(sick));
      assert.deepEqual([...new Set(instanceProcesses(rig.data).keys())].length, 1);
    });
  });

  test('one that crashes later is started again: 503 with Retry-After meanwhile, longer pauses for a crash loop', async (t) => {
    const rig = await openRig(t);
    // Slow to start, so that what is between the crash and the next start can be seen.
    const commit = rig.commit({ name: 'one', listensAfterMs: 1_000 });
    await rig.live(commit);
    const before = pidOf(await rig.status());
    await crash(rig);
    await until(
      async () => (await rig.visit()).status === 503,
      () => 'the port still answers',
    );
    const seen = await rig.visit();
    assert.match(String(seen.headers['retry-after']), /^[1-9]\d*$/);
    assert.equal((await rig.status()).healthy, false);
    await until(
      async () => (await rig.status()).restart !== null,
      () => 'a restart',
    );
    const down = await rig.status();
    assert.deepEqual([down.healthy, down.live_commit, down.restart?.attempt], [false, commit, 1]);
    assert.match(down.restart?.last_exit ?? '', /exited with code 7/);
    await until(
      async () => (await rig.status()).healthy,
      () => 'healthy again',
    );
    assert.equal((await rig.visit()).body, 'one\n');
    const after = await rig.status();
    assert.notEqual(pidOf(after), before);
    assert.deepEqual([after.live_commit, after.restart, after.quarantine], [commit, null, []]);
    // Soon after the first: the pause doubles.
    const crashedAt = Date.now();
    await crash(rig);
    await until(
      async () => (await rig.status()).restart?.attempt === 2,
      () => 'a second restart',
    );
    const { restart } = await rig.status();
    assert.ok(Date.parse(restart?.at ?? '') - crashedAt >= 2_000, `next start at ${restart?.at}`);
    // A deploy does not wait for that.
    await rig.live(rig.commit({ name: 'two' }));
    assert.equal((await rig.visit()).body, 'two\n');
    await until(
      () => instanceProcesses(rig.data).size === 1,
      () => JSON.stringify([...instanceProcesses(rig.data)]),
    );
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../e2e/rig.ts';
import { openReconcileRig } from './rig.ts';

test('pushes: told of, lost, doubled, out of order, forged, bad, taken back, and chosen against', { timeout: 120_000 }, async (t) => {
  const rig = await openReconcileRig(t);
  const first = rig.push({ name: 'first' });
  assert.equal((await rig.deliver()).status, 202);
  await rig.becomesLive(first);

  await t.test('a delivery deploys, and however often it comes it is one deploy', async () => {
    const commit = rig.push({ name: 'told' });
    const id = '33333333-0000-0000-0000-000000000001';
    const answers = await Promise.all([rig.deliver(id), rig.deliver(id), rig.deliver(undefined, {}, { compare: 'another body' })]);
    assert.deepEqual(
      answers.map((it) => it.status),
      [202, 202, 202],
    );
    await rig.becomesLive(commit);
    await rig.told();
    await Promise.all([rig.reconcile(), rig.reconcile()]);
    await rig.settles();
    assert.deepEqual(await rig.attemptsOf(commit), ['succeeded by webhook']);
  });

  await t.test('a forged delivery does nothing', async () => {
    const commit = rig.push({ name: 'forged' });
    const { status } = await rig.deliver(undefined, { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` });
    assert.equal(status, 401);
    assert.deepEqual(await rig.attemptsOf(commit), []);
  });

  await t.test('deliveries out of order end at the newest head, deployed once', async () => {
    const older = rig.push({ name: 'older' });
    const newer = rig.push({ name: 'newer' });
    await rig.deliver(undefined, {}, { after: newer });
    await rig.deliver(undefined, {}, { after: older });
    await rig.becomesLive(newer);
    await rig.reconcile();
    await rig.settles();
    assert.deepEqual([await rig.attemptsOf(older), await rig.attemptsOf(newer)], [[], ['succeeded by webhook']]);
  });

  await t.test('a lost delivery is made up for; a dry run only says so', async () => {
    const commit = rig.push({ name: 'lost' });
    const [found] = await rig.reconcile(true);
    assert.deepEqual([found?.name, found?.action], ['human_ahead', 'deploy']);
    assert.deepEqual([(await rig.status()).drift, await rig.attemptsOf(commit)], [[], []]);
    await Promise.all([rig.reconcile(), rig.reconcile(), rig.deliver()]);
    await rig.becomesLive(commit);
    assert.equal((await rig.attemptsOf(commit)).length, 1);
    await rig.reconcile();
    assert.deepEqual((await rig.status()).drift, []);
  });

  await t.test('a head that failed is not tried again until it changes', async () => {
    const commit = rig.push({ exits: 'no luck' });
    await rig.told();
    await rig.settles();
    assert.deepEqual(await rig.attemptsOf(commit), ['failed by webhook']);
    await rig.told();
    await rig.reconcile();
    await rig.settles();
    assert.equal((await rig.attemptsOf(commit)).length, 1);
    const found = await rig.drift('human_ahead');
    assert.equal(found?.action, 'none');
    assert.match(found?.detail ?? '', /its deploy failed, and it has not changed since/);
    const repaired = rig.push({ name: 'repaired' });
    await rig.reconcile();
    await rig.becomesLive(repaired);
    // Without another round, which may be minutes away.
    await until(
      async () => !(await rig.drift('human_ahead')),
      () => 'no push is ahead any more',
    );
  });

  await t.test('a head that was rolled back from stays where it is', async () => {
    const commit = rig.push({ name: 'regretted' });
    await rig.told();
    await rig.becomesLive(commit);
    assert.ok((await rig.client.rollback()).success);
    await rig.told();
    await rig.reconcile();
    await rig.settles();
    assert.deepEqual(await rig.attemptsOf(commit), ['succeeded by webhook']);
    assert.match((await rig.drift('human_ahead'))?.detail ?? '', /rolled back from/);
  });

  await t.test('what was chosen by hand stays, until the next push', async () => {
    const head = rig.push({ name: 'known' });
    await rig.reconcile();
    await rig.becomesLive(head);
    assert.ok((await rig.client.deploy({ commit: first })).success);
    await rig.reconcile();
    await rig.told();
    await rig.settles();
    assert.equal((await rig.status()).live_commit, first);
    assert.match((await rig.drift('human_ahead'))?.detail ?? '', /by hand/);
    const next = rig.push({ name: 'next' });
    await rig.told();
    await rig.becomesLive(next);
  });

  await t.test('a freeze holds pushes back, and the thaw lets them in', async () => {
    assert.equal((await rig.cli(['freeze', '--all', '--reason', 'holidays'])).code, 0);
    const commit = rig.push({ name: 'frozen' });
    await rig.told();
    await rig.reconcile();
    await rig.settles();
    assert.deepEqual(await rig.attemptsOf(commit), []);
    assert.match((await rig.drift('human_ahead'))?.detail ?? '', /frozen \(holidays\)/);
    assert.equal((await rig.cli(['thaw'])).code, 0);
    await rig.reconcile();
    await rig.becomesLive(commit);
  });

  await t.test('a remote that is away is said, and the push is made up for when it is back', async () => {
    const commit = rig.push({ name: 'unreachable' });
    rig.server.mode = 'forbid';
    await rig.deliver();
    await rig.reconcile();
    assert.match(rig.log(), /could not be reached/);
    assert.deepEqual(await rig.attemptsOf(commit), []);
    rig.server.mode = 'serve';
    await rig.reconcile();
    await rig.becomesLive(commit);
  });
});

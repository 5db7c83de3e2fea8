import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { pidOf, until } from '../e2e/rig.ts';
import type { KillPoint } from './kill-points.ts';
import { atRest, type Expected, expectNoLoss, expectRecovered, liveNow, openRecovery } from './rig.ts';

const interrupted = (step: Expected['step']): Expected => ({ status: 'failed', code: 'interrupted', ...(step ? { step } : {}) });
const SWITCHED: Expected = { status: 'succeeded' };

/** In the order of a deploy. The machine's own rule: nothing happened before its event is in the journal, and the route tells what is live. */
const POINTS: [string, KillPoint, Expected][] = [
  ['resolve', { at: 'journal', match: 'deploy_requested', when: 'after' }, interrupted('resolve')],
  ['gate', { at: 'journal', match: 'step_succeeded/resolve', when: 'after' }, interrupted('gate')],
  ['gate, whose answer was cut off in the journal', { at: 'journal', match: 'step_succeeded/gate', when: 'torn' }, interrupted('gate')],
  ['prepare, with git at work', { at: 'spawn', match: 'checkout', when: 'after', since: 'step_succeeded/gate' }, interrupted('prepare')],
  ['boot, before the process exists', { at: 'spawn', match: 'server.cjs', when: 'before' }, interrupted('boot')],
  ['boot, between the process and its record', { at: 'spawn', match: 'server.cjs', when: 'after' }, interrupted('boot')],
  ['probe', { at: 'journal', match: 'step_succeeded/boot', when: 'after' }, interrupted('probe')],
  ['writing the state', { at: 'rename', match: 'state.json', when: 'before', since: 'step_succeeded/boot' }, interrupted('probe')],
  ['promote, before the switch', { at: 'proxy', match: 'PUT /target', when: 'before' }, interrupted('promote')],
  ['promote, after the switch', { at: 'proxy', match: 'PUT /target', when: 'after' }, SWITCHED],
  ['promote, switched and half written down', { at: 'journal', match: 'step_succeeded/promote', when: 'torn' }, SWITCHED],
  ['promote, written down but nothing done yet', { at: 'journal', match: 'step_succeeded/promote', when: 'after' }, SWITCHED],
  ['publish', { at: 'spawn', match: 'update-ref --stdin', when: 'after', since: 'step_succeeded/promote' }, SWITCHED],
  ['drain', { at: 'proxy', match: 'POST /drain', when: 'before' }, SWITCHED],
  ['retire', { at: 'journal', match: 'drained', when: 'after' }, SWITCHED],
];

test('kill -9 at exact places of a deploy: nothing lost, nothing left, and told as it was', async (t) => {
  const rig = await openRecovery(t);
  for (const [name, point, expected] of POINTS) {
    await t.test(name, async () => {
      const before = await liveNow(rig);
      const commit = rig.version();
      rig.killAt(point);
      const id = await rig.ask(commit);
      await rig.died().finally(() => rig.start());
      await expectRecovered(rig, { id, commit, before }, expected);
    });
  }
  await t.test('and a rollback works', async () => {
    const { previous_commit } = await rig.status();
    const answer = await rig.client.rollback();
    assert.ok(answer.success && 'commit' in answer, JSON.stringify(answer));
    assert.equal(answer.commit, previous_commit);
    assert.equal((await liveNow(rig)).commit, previous_commit);
  });
  await expectNoLoss(rig);
});

test('kill -9 while commands and requests of the operator’s contract run: they are ended', async (t) => {
  const rig = await openRecovery(t);
  const held: [string, () => string, string, Expected][] = [
    ['setup', () => rig.version({}, 'hold-setup'), 'setup-runs', interrupted('prepare')],
    ['smoke test', () => rig.version({}, 'hold-smoke'), 'smoke-runs', interrupted('probe')],
    ['health endpoint', () => rig.version({ health: 'held', forks: true }), 'health-asked', interrupted('probe')],
    ['deep check', () => rig.version({ deep: 'held', ignoresSigterm: true }), 'deep-asked', interrupted('probe')],
  ];
  for (const [name, version, mark, expected] of held) {
    await t.test(name, async () => {
      rig.hold();
      const before = await liveNow(rig);
      const commit = version();
      const id = await rig.ask(commit);
      await until(
        () => existsSync(rig.control(mark)),
        () => `no ${mark}`,
      );
      await rig.kill();
      await rig.start();
      await expectRecovered(rig, { id, commit, before }, expected);
    });
  }
  await expectNoLoss(rig);
});

test('kill -9 at exact places of a rollback: it is undone or finished like a deploy', async (t) => {
  const rig = await openRecovery(t, { contract: { standby_ms: 600_000 } });
  await rig.live(rig.version());
  await atRest(rig);
  const points: [string, KillPoint, Expected][] = [
    ['probe of the standby', { at: 'journal', match: 'rollback_requested', when: 'after' }, interrupted('probe')],
    ['boot, the standby being gone', { at: 'spawn', match: 'server.cjs', when: 'after' }, interrupted('boot')],
    ['promote, before the switch', { at: 'proxy', match: 'PUT /target', when: 'before' }, interrupted('promote')],
    ['promote, after the switch', { at: 'proxy', match: 'PUT /target', when: 'after' }, SWITCHED],
  ];
  for (const [name, point, expected] of points) {
    await t.test(name, async () => {
      const before = await liveNow(rig);
      const commit = (await rig.status()).previous_commit;
      rig.killAt(point);
      const id = await rig.askBack();
      await rig.died().finally(() => rig.start());
      await expectRecovered(rig, { id, commit, before }, expected);
    });
  }
  await expectNoLoss(rig);
});

test('kill -9 at exact places of a restart: the old instance serves on, or the fresh one, and the way back stays', async (t) => {
  const rig = await openRecovery(t);
  await rig.live(rig.version());
  await atRest(rig);
  const points: [string, KillPoint, Expected][] = [
    ['boot, before the process exists', { at: 'journal', match: 'restart_requested', when: 'after' }, interrupted('boot')],
    ['boot, between the process and its record', { at: 'spawn', match: 'server.cjs', when: 'after' }, interrupted('boot')],
    ['promote, before the switch', { at: 'proxy', match: 'PUT /target', when: 'before' }, interrupted('promote')],
    ['promote, after the switch', { at: 'proxy', match: 'PUT /target', when: 'after' }, SWITCHED],
  ];
  for (const [name, point, expected] of points) {
    await t.test(name, async () => {
      const before = await liveNow(rig);
      const { previous_commit, previous_slot } = await rig.status();
      rig.killAt(point);
      const id = await rig.askAgain();
      await rig.died().finally(() => rig.start());
      await expectRecovered(rig, { id, commit: before.commit, before }, expected);
      const after = await rig.status();
      assert.deepEqual([after.previous_commit, after.previous_slot], [previous_commit, previous_slot]);
      assert.equal(pidOf(after) === before.pid, expected.status === 'failed', 'served by the wrong process');
    });
  }
  await t.test('and a rollback works', async () => {
    const { previous_commit } = await rig.status();
    const answer = await rig.client.rollback();
    assert.ok(answer.success && 'commit' in answer, JSON.stringify(answer));
    assert.equal(answer.commit, previous_commit);
  });
  await expectNoLoss(rig);
});

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { pidOf, until } from '../e2e/rig.ts';
import type { KillPoint } from './kill-points.ts';
import { atRest, decided, expectNoLoss, expectRecovered, expectWhole, liveNow, openRecovery, type RecoveryRig, running } from './rig.ts';

const IN_RECOVERY: KillPoint[] = [
  { at: 'spawn', match: 'git', when: 'after' },
  { at: 'proxy', match: 'PUT /apps', when: 'after' },
  { at: 'proxy', match: 'GET /', when: 'before' },
  { at: 'journal', match: 'started', when: 'torn' },
  { at: 'journal', match: 'started', when: 'after' },
  { at: 'rename', match: 'state.json', when: 'before', since: 'started' },
  { at: 'journal', match: 'undone', when: 'before' },
];

test('kill -9 again and again while it recovers: an attempt is undone once, or stays finished', async (t) => {
  const rig = await openRecovery(t);

  await t.test('an attempt that was not promoted', async () => {
    const before = await liveNow(rig);
    const commit = rig.version({ deep: 'held', forks: true });
    const id = await rig.ask(commit);
    await appears(rig, 'deep-asked');
    await rig.kill();
    await dieAtEach(rig, IN_RECOVERY);
    await rig.start();
    await expectRecovered(rig, { id, commit, before }, { status: 'failed', code: 'interrupted', step: 'probe' });
  });

  await t.test('an attempt whose switch had happened', async () => {
    const before = await liveNow(rig);
    const commit = rig.version();
    rig.killAt({ at: 'proxy', match: 'PUT /target', when: 'after' });
    const id = await rig.ask(commit);
    await rig.died();
    await dieAtEach(
      rig,
      IN_RECOVERY.filter(({ match }) => match !== 'undone'),
    );
    await rig.start();
    await expectRecovered(rig, { id, commit, before }, { status: 'succeeded' });
  });
  await expectNoLoss(rig);
});

test('kill -9 while a failed attempt is undone: it stays failed for its own reason', async (t) => {
  const rig = await openRecovery(t);
  for (const point of [
    { at: 'journal', match: 'instance_exited', when: 'after' },
    { at: 'journal', match: 'undone', when: 'before' },
  ] satisfies KillPoint[]) {
    const before = await liveNow(rig);
    const commit = rig.version({ exits: true });
    rig.killAt(point);
    const id = await rig.ask(commit);
    await rig.died();
    await rig.start();
    const attempt = await expectRecovered(rig, { id, commit, before }, { status: 'failed', code: 'boot_exited', step: 'boot' });
    assert.ok(attempt.evidence?.log_tail?.includes('exits on purpose'), JSON.stringify(attempt));
  }
  await expectNoLoss(rig);
});

test('kill -9 while a standby is kept: it stays one, and a rollback to it boots nothing', async (t) => {
  const rig = await openRecovery(t, { contract: { standby_ms: 600_000 } });
  const first = await liveNow(rig);
  await rig.live(rig.version());
  await atRest(rig);
  await rig.kill();
  await rig.start();
  await atRest(rig);
  assert.equal((await rig.status()).slots.find((it) => it.role === 'standby')?.pid, first.pid);
  const back = await rig.client.rollback();
  assert.ok(back.success, JSON.stringify(back));
  assert.deepEqual(await liveNow(rig), first);
  await expectNoLoss(rig);
});

test('kill -9 inside the watch window: the watch goes on, and rolls back when the release does not hold', async (t) => {
  const rig = await openRecovery(t, { contract: { watch_ms: 60_000 }, load: false });
  const first = await liveNow(rig);
  const { id } = await rig.live(rig.version());
  await rig.kill();
  await rig.start();
  const status = await rig.status();
  assert.equal(status.watch?.id, id);
  process.kill(pidOf(status), 'SIGKILL');
  await until(
    async () => (await rig.status()).live_commit === first.commit,
    () => 'not rolled back',
  );
  await atRest(rig);
  assert.equal((await rig.client.attempt(id))?.status, 'rolled_back');
  assert.deepEqual((await rig.status()).quarantine, [status.live_commit]);
  await expectWhole(rig);
});

test('kill -9 while a request drains: the request is answered, and the old instance ends', async (t) => {
  const rig = await openRecovery(t, { contract: { drain_timeout_ms: 15_000 } });
  const before = await liveNow(rig);
  const held = rig.visit('/held');
  await until(
    async () => (await rig.inFlight()) > 0,
    () => 'the request is not in flight',
  );
  const commit = rig.version();
  const id = await rig.ask(commit);
  await until(
    async () => (await rig.status()).slots.some((it) => it.role === 'retiring'),
    () => 'nothing retires',
  );
  await rig.kill();
  await rig.start();
  assert.ok(running(before.pid), 'the old instance was ended with a request in flight');
  rig.release();
  assert.equal((await held).body, 'held\n');
  await expectRecovered(rig, { id, commit, before }, { status: 'succeeded' });
  assert.ok(!running(before.pid));
  await expectNoLoss(rig);
});

const IN_STOP: [KillPoint, 'same' | 'booted'][] = [
  [{ at: 'journal', match: 'stop_requested', when: 'before' }, 'same'],
  [{ at: 'journal', match: 'stop_requested', when: 'after' }, 'same'],
  [{ at: 'proxy', match: 'PUT /target', when: 'before' }, 'same'],
  [{ at: 'proxy', match: 'PUT /target', when: 'after' }, 'same'],
  [{ at: 'proxy', match: 'DELETE /apps', when: 'before' }, 'booted'],
  [{ at: 'proxy', match: 'DELETE /apps', when: 'after' }, 'booted'],
  [{ at: 'journal', match: 'stopped', when: 'before' }, 'booted'],
  [{ at: 'journal', match: 'stopped', when: 'after' }, 'booted'],
];

test('kill -9 at exact places of a graceful stop: the next start serves the live release again', async (t) => {
  const rig = await openRecovery(t, { load: false });
  for (const [point, expected] of IN_STOP) {
    await t.test(`${point.when} ${point.match}`, async () => {
      const before = await liveNow(rig);
      rig.killAt(point);
      await rig.end('SIGTERM');
      await rig.died();
      await rig.start();
      const now = await liveNow(rig);
      assert.equal(now.commit, before.commit);
      assert.equal(now.pid === before.pid ? 'same' : 'booted', expected);
      assert.equal((await rig.visit()).body, `${now.pid}\n`);
      await expectWhole(rig);
    });
  }
});

async function dieAtEach(rig: RecoveryRig, points: readonly KillPoint[]): Promise<void> {
  for (const point of points) {
    rig.killAt(point);
    await rig.start().catch((error: Error) => assert.match(error.message, /greenroom start ended/));
    await rig.died();
  }
}

async function appears(rig: RecoveryRig, name: string): Promise<void> {
  await until(
    () => existsSync(rig.control(name)),
    () => `no ${name}`,
  );
}

test('kill -9 in a graceful stop that was ending a deploy: the deploy has failed, and nothing of it runs', async (t) => {
  const rig = await openRecovery(t, { load: false });
  const before = await liveNow(rig);
  const commit = rig.version({ deep: 'held', ignoresSigterm: true });
  const id = await rig.ask(commit);
  await appears(rig, 'deep-asked');
  process.kill(rig.pid(), 'SIGTERM');
  await appears(rig, 'sigterm-seen');
  await rig.kill();
  await rig.start();
  const attempt = await decided(rig, id);
  // The stop came first, and the kill cut it short: either is a true reason.
  assert.equal(attempt.code, 'interrupted', JSON.stringify(attempt));
  await expectRecovered(rig, { id, commit, before }, { status: 'failed', code: attempt.code, step: 'probe' });
});

test('a graceful stop takes no request that it would not carry out', async (t) => {
  const rig = await openRecovery(t, { load: false });
  const commit = rig.version();
  const ended = rig.end('SIGTERM');
  const codes = new Set<string>();
  const askers = Array.from({ length: 8 }, async () => {
    for (;;) {
      const answer = await rig.client.deploy({ commit }, { async: true }).catch(() => null);
      if (answer === null) return;
      codes.add(answer.success ? 'accepted' : answer.code);
    }
  });
  assert.equal(await ended, 0);
  await Promise.all(askers);
  const last = rig
    .records()
    .map(({ type }) => type)
    .slice(-5);
  assert.equal(last.at(-1), 'stopped', `${last}; answers: ${[...codes]}`);
  await rig.start();
  assert.ok((await rig.status()).healthy);
  await expectWhole(rig);
});

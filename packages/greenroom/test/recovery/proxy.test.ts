import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startLoad } from '../../../../bench/load/load.ts';
import { proxyDirectory } from '../../src/home.ts';
import type { InstanceRecord } from '../../src/orchestrator/adapters/instances/records.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { pidOf, until } from '../e2e/rig.ts';
import { atRest, decided, expectWhole, liveNow, openRecovery, type RecoveryRig, running } from './rig.ts';

test('kill -9 of the proxy: started again with its routes, and what that costs', async (t) => {
  const rig = await openRecovery(t, { load: false });
  const routes = join(proxyDirectory(rig.home), 'routes.json');
  const damages: [string, () => void][] = [
    ['as it is', () => undefined],
    ['with routes.json deleted', () => rmSync(routes)],
    ['with routes.json damaged', () => writeFileSync(routes, '{"format":1,"apps":{"shop')],
  ];
  for (const [name, damage] of damages) {
    await t.test(name, async (t) => {
      const before = await liveNow(rig);
      const load = startLoad({ url: `http://127.0.0.1:${rig.port}`, mix: { get: 2, 'get-new': 2, post: 2 }, pause_ms: 5 });
      const pid = await rig.proxyPid();
      await until(
        () => load.snapshot().ok > 50,
        () => 'no load',
      );
      damage();
      const began = performance.now();
      process.kill(pid, 'SIGKILL');
      await answersAgain(rig, before.pid);
      const took = Math.round(performance.now() - began);
      const { failed, longest_gap_ms } = await load.stop();
      t.diagnostic(`the port answered again after ${took} ms; ${failed} requests of 6 clients failed, longest gap ${longest_gap_ms} ms`);
      assert.notEqual(await rig.proxyPid(), pid);
      assert.deepEqual(await liveNow(rig), before);
    });
  }
  await t.test('inside a deploy: the deploy succeeds', async () => {
    rig.hold();
    const commit = rig.version({ deep: 'held' });
    const id = await rig.ask(commit);
    await until(
      () => existsSync(rig.control('deep-asked')),
      () => 'not probed',
    );
    const pid = await rig.proxyPid();
    process.kill(pid, 'SIGKILL');
    rig.release();
    assert.equal((await decided(rig, id)).status, 'succeeded');
    await answersAgain(rig, pidOf(await rig.status()));
    await atRest(rig);
  });
  await t.test('together with the orchestrator', async () => {
    const before = await liveNow(rig);
    const pid = await rig.proxyPid();
    process.kill(pid, 'SIGKILL');
    await rig.kill();
    rmSync(routes);
    await rig.start();
    assert.deepEqual(await liveNow(rig), before);
    await answersAgain(rig, before.pid);
    await expectWhole(rig);
  });
});

test('kill -9 of the app beside the orchestrator: the live release is booted again', async (t) => {
  const rig = await openRecovery(t, { load: false, contract: { standby_ms: 600_000 } });
  await rig.live(rig.version());
  await atRest(rig);

  await t.test('in the same moment', async () => {
    const before = await liveNow(rig);
    process.kill(before.pid, 'SIGKILL');
    await rig.kill();
    await rig.start();
    await expectBootedAgain(rig, before);
  });
  await t.test('the standby, while the orchestrator is away', async () => {
    const before = await liveNow(rig);
    const standby = (await rig.status()).slots.find((it) => it.role === 'standby');
    assert.ok(standby && standby.pid > 0, 'there is no standby');
    await rig.kill();
    process.kill(standby.pid, 'SIGKILL');
    await until(
      () => !running(standby.pid),
      () => 'the standby runs on',
    );
    await rig.start();
    assert.deepEqual(await liveNow(rig), before);
    assert.equal((await rig.status()).slots.find((it) => it.slot === standby.slot)?.role, 'previous');
    const back = await rig.client.rollback();
    assert.ok(back.success && 'commit' in back, JSON.stringify(back));
    assert.equal(back.commit, standby.commit);
    await atRest(rig);
  });
  await t.test('a candidate that ends while the orchestrator is away', async () => {
    rig.hold();
    const before = await liveNow(rig);
    const id = await rig.ask(rig.version({ deep: 'held' }));
    await until(
      () => existsSync(rig.control('deep-asked')),
      () => 'not probed',
    );
    const candidate = (await rig.status()).slots.find((it) => it.role === 'candidate');
    await rig.kill();
    process.kill(candidate?.pid ?? 0, 'SIGKILL');
    await rig.start();
    const attempt = await decided(rig, id);
    assert.deepEqual([attempt.status, attempt.code, attempt.step], ['failed', 'interrupted', 'probe']);
    assert.deepEqual(await liveNow(rig), before);
    await atRest(rig);
  });
  await t.test('everything, as a power-off does: records of the old boot are not mistaken', async () => {
    const before = await liveNow(rig);
    const { slots, live_slot } = await rig.status();
    const slot = live_slot === 'b' ? 'b' : 'a';
    const others = slots.flatMap(({ pid }) => (pid > 0 ? [pid] : []));
    process.kill(await rig.proxyPid(), 'SIGKILL');
    await rig.kill();
    for (const pid of others) process.kill(pid, 'SIGKILL');
    const folder = layoutOf(rig.data).instances;
    for (const name of readdirSync(folder)) {
      const record = JSON.parse(readFileSync(join(folder, name), 'utf8')) as InstanceRecord;
      // Pids start anew with the next boot: this one is some other process then.
      const changed = { ...record, bootId: '00000000-0000-0000-0000-000000000000', pid: process.pid };
      writeFileSync(join(folder, name), JSON.stringify(changed));
    }
    // What was not on disk yet when the power went is short now.
    writeFileSync(join(layoutOf(rig.data).slot(slot), 'server.cjs'), '');
    const began = performance.now();
    await rig.start();
    t.diagnostic(`ready ${Math.round(performance.now() - began)} ms after the start, with proxy and app to start`);
    await expectBootedAgain(rig, before);
    assert.ok((await rig.client.rollback()).success);
    await atRest(rig);
  });
});

async function expectBootedAgain(rig: RecoveryRig, before: { commit: string; pid: number }): Promise<void> {
  const now = await liveNow(rig);
  assert.equal(now.commit, before.commit);
  assert.notEqual(now.pid, before.pid);
  assert.equal((await rig.visit()).body, `${now.pid}\n`);
  await atRest(rig);
  await expectWhole(rig);
}

async function answersAgain(rig: RecoveryRig, pid: number): Promise<void> {
  const deadline = performance.now() + 15_000;
  let last = '';
  while (performance.now() < deadline) {
    last = await rig.visit().then(
      ({ body }) => body,
      (error: Error) => error.message,
    );
    if (last === `${pid}\n`) return;
    await delay(2);
  }
  assert.fail(`the port does not answer by process ${pid}: ${last}`);
}

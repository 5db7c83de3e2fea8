import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EventMessage } from '@greenroom/sdk/wire';
import { upgradeApp } from '../../src/cli/apps/upgrade-app.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { isRunning, readStat } from '../../src/proc.ts';
import { listApps } from '../../src/registry/index.ts';
import { runningOrchestrator } from '../../src/registry/running.ts';
import { openRig, pidOf, prepareRig, type Rig, until, visitAllTheTime } from '../e2e/rig.ts';
import { type Installation, install } from './installation.ts';

test('a new version takes over: the deploy under way is finished first, the app and whoever listens notice nothing', async (t) => {
  const rig = await openRig(t);
  await using _ = stopAtTheEnd(rig);
  const next = install(join(rig.root, 'next'), '99.1.0');
  await rig.live(rig.commit({ name: 'one' }));
  const visits = visitAllTheTime(rig);
  await using listener = listen(rig);
  const events = listener.seen;
  const slow = rig.commit({ name: 'two', listensAfterMs: 1_500 });
  const following = rig.cli(['deploy', slow]);
  await until(
    async () => (await rig.status()).attempt !== null,
    () => 'no deploy began',
  );
  const { code, output } = await run(next, rig, ['upgrade']);
  assert.equal(code, 0, output);
  assert.match(output, /^Waiting until deploy \S+ of "shop" is decided; --now would end it\.\n✓ 0\.1\.0 was replaced by 99\.1\.0; /);
  const deployed = await following;
  assert.equal(deployed.code, 0, deployed.output);
  const status = await rig.status();
  assert.deepEqual([status.version, status.live_commit, status.healthy], ['99.1.0', slow, true]);
  const pid = pidOf(status);

  // The other way, and with a deploy that is ended by name.
  const aborted = rig.client.deploy({ commit: rig.commit({ name: 'three', listensAfterMs: 60_000 }) });
  await until(
    async () => (await rig.status()).attempt !== null,
    () => 'no deploy began',
  );
  const back = await rig.cli(['upgrade', '--now', '--json']);
  assert.equal(back.code, 0, back.output);
  const { away_ms, ...told } = JSON.parse(back.output) as { away_ms: number };
  assert.ok(away_ms > 0);
  assert.deepEqual(told, { success: true, app: 'shop', was_running: true, from: '99.1.0', to: '0.1.0' });
  const refused = await aborted;
  assert.deepEqual([refused.success, 'code' in refused && refused.code], [false, 'shutting_down']);
  const after = await rig.status();
  assert.deepEqual([after.live_commit, pidOf(after), after.healthy], [slow, pid, true], 'the same process serves');
  assert.deepEqual(await visits.end(), [], 'nobody noticed');

  // Taken over means: still ended and replaced as one of its own.
  const { id } = await rig.live(rig.commit({ name: 'four' }));
  await until(
    () => events.some((it) => it.type === 'published' && it.attempts.some((attempt) => attempt.id === id)),
    () => `seen: ${events.map((it) => it.type)}`,
  );
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map(({ seq }, index) => (events[0]?.seq ?? seq) + index),
    'every event once, in order',
  );
  const log = await rig.cli(['log', '--verify']);
  assert.equal(log.code, 0, log.output);
});

test('a new version that does not start is told, and the old one is there again with the settings that it had', async (t) => {
  const rig = await prepareRig(t, { env: { GREENROOM_TEST_MARK: 'kept' } });
  await rig.start(['--detach-app']);
  await using _ = stopAtTheEnd(rig);
  await rig.live(rig.commit({ name: 'one' }));
  const pid = pidOf(await rig.status());
  const visits = visitAllTheTime(rig);
  const app = (await listApps(rig.home)).apps[0];
  assert.ok(app);
  const target = { app, layout: layoutOf(app.data) };
  const upgrade = (script: string, readyLimitMs = 10_000): Promise<unknown> =>
    upgradeApp(target, { now: false, readyLimitMs, command: [process.execPath, '-e', script] });
  await assert.rejects(upgrade('console.error("no such column"); process.exit(1)'), {
    code: 'upgrade_failed',
    message:
      /^The new orchestrator of "shop" \(0\.1\.0\) did not start: no such column\nThe old one \(0\.1\.0\) runs again; the app served/,
  });
  const first = await runningOrchestrator(target.layout);
  await assert.rejects(upgrade('setInterval(() => undefined, 1e6)', 300), {
    message: /is not ready after 0\.3 s.*\nThe old one .* runs again/,
  });
  const second = await runningOrchestrator(target.layout);
  assert.ok(first && second && first.pid !== second.pid);
  assert.deepEqual([pidOf(await rig.status()), await visits.end()], [pid, []]);
  process.kill(second.pid, 'SIGTERM');
  await until(
    async () => (await runningOrchestrator(target.layout)) === undefined,
    () => 'it did not end',
  );
  assert.equal((await rig.visit()).body, 'one\n', 'what it was started with holds: --detach-app');
  const none = await rig.cli(['upgrade']);
  assert.deepEqual([none.code, none.output], [1, '✗ The orchestrator of "shop" is not running. Start it: greenroom start --app shop']);
  await rig.start();
});

test('an old instance that does not end is left to the next orchestrator, and waits with nobody', async (t) => {
  const rig = await openRig(t, { contract: { drain_timeout_ms: 30_000 } });
  await rig.live(rig.commit({ name: 'one', ignoresSigterm: true }));
  const stubborn = pidOf(await rig.status());
  await rig.live(rig.commit({ name: 'two' }));
  await until(
    async () =>
      (await rig.client.deploys({ limit: 1 }))[0]?.steps.some(({ step, detail }) => step === 'retire' && detail?.startsWith('drained')) ??
      false,
    () => 'it was not told to end',
  );
  assert.equal(await rig.end('SIGUSR2'), 0);
  assert.ok(isRunning(readStat(stubborn)), 'it has most of its 30 s');
  await rig.start();
  assert.equal((await rig.status()).slots.find(({ role }) => role === 'retiring')?.pid, stubborn);
  process.kill(stubborn, 'SIGKILL');
  await until(
    async () => (await rig.status()).slots.every(({ role }) => role !== 'retiring'),
    () => 'its end was not seen',
  );
});

/** It is another process by then than the one that the rig started. */
function stopAtTheEnd(rig: Rig): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      const { code, output } = await rig.cli(['stop']);
      assert.equal(code, 0, output);
    },
  };
}

function listen(rig: Rig): { seen: EventMessage[] } & AsyncDisposable {
  const seen: EventMessage[] = [];
  const controller = new AbortController();
  const reading = (async () => {
    for await (const event of rig.client.events({ signal: controller.signal })) seen.push(event);
  })();
  return {
    seen,
    async [Symbol.asyncDispose]() {
      controller.abort();
      await reading;
    },
  };
}

function run({ cli }: Installation, { data, home }: Rig, args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, GREENROOM_HOME: home, NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args, '--data', data], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output: `${stdout}${stderr}` });
    });
  });
}

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { registeredApps } from '../../src/cli/dashboard/registered.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { ownIdentity, type ProcessIdentity, readBootId } from '../../src/proc.ts';
import { type LastKnown, type RegisteredApp, registerApp } from '../../src/registry/index.ts';
import { type AppView, observeApps } from '../../src/registry/observe.ts';
import { COMMIT, createFake, status } from '../cli/support.ts';
import { lastKnown, TIME } from './support.ts';

interface Fresh {
  home: string;
  app(name: string, last?: Partial<LastKnown>): Promise<RegisteredApp>;
  /** `run/orchestrator.json`, as a running orchestrator has it. */
  runs(app: RegisteredApp, identity: ProcessIdentity): Promise<void>;
  view(name: string, timeoutMs?: number): Promise<AppView>;
}

async function fresh(t: TestContext): Promise<Fresh> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'observe-')));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const home = join(folder, 'home');
  return {
    home,
    async app(name, last) {
      const data = join(folder, 'data', name);
      await mkdir(layoutOf(data).run, { recursive: true });
      const { operatorSocket, contract } = layoutOf(data);
      const app = { name, data, repo: folder, contract, api_port: 9100 };
      await registerApp(home, {
        ...app,
        ...(last ? { last: lastKnown({ live_commit: COMMIT, operator_socket: operatorSocket, ...last }) } : {}),
      });
      return app;
    },
    async runs(app, identity) {
      await writeFile(layoutOf(app.data).pidFile, JSON.stringify({ ...identity, api_port: 9100 }));
    },
    async view(name, timeoutMs = 1_500) {
      const { apps } = await observeApps(home, { timeoutMs });
      return apps.find(({ app }) => app.name === name) ?? assert.fail(`no ${name}`);
    },
  };
}

test('a running orchestrator is asked, whatever the registry says', async (t) => {
  const { app, runs, view } = await fresh(t);
  const shop = await app('shop', { state: 'stopped', live_commit: '' });
  await runs(shop, ownIdentity());
  let now = status();
  await createFake(t, shop, (call) => (call === 'GET /status' ? { status: 200, body: now } : undefined));
  const live = await view('shop');
  assert.equal(live.source, 'orchestrator');
  assert.deepEqual([live.state, live.live_commit, live.healthy, live.since, live.pid], ['live', COMMIT, true, TIME, process.pid]);
  assert.equal(live.status?.port, 3999);
  now = status({ healthy: false, restart: { attempt: 2, at: TIME, last_exit: 'exited with code 1' } });
  const unhealthy = await view('shop');
  assert.deepEqual([unhealthy.state, unhealthy.note], ['unhealthy', 'restart 2: the instance exited with code 1']);
  const detail = 'The proxy does not say where requests go: Caddy does not answer.';
  now = status({ drift: [{ name: 'live_mismatch', detail, action: 'alert', since: TIME }] });
  const unreached = await view('shop');
  assert.deepEqual([unreached.state, unreached.healthy, unreached.note], ['unhealthy', false, detail]);
  now = status({ healthy: false, live_commit: '' });
  assert.equal((await view('shop')).state, 'idle');
  now = status({ app: 'blog' });
  const foreign = await view('shop');
  assert.deepEqual([foreign.source, foreign.status], ['registry', null], 'another app answered there');
});

test('one that hangs, or answers nonsense, costs the time limit at most and is told by its last known state', async (t) => {
  const { app, runs, view } = await fresh(t);
  const last = { state: 'unhealthy', orchestrator: ownIdentity() } as const;
  const hung = await app('hung', last);
  const mad = await app('mad', last);
  for (const it of [hung, mad]) await runs(it, ownIdentity());
  const hanging = createServer(() => undefined).listen(layoutOf(hung.data).operatorSocket);
  const talking = createServer((_request, response) => response.end('<html>')).listen(layoutOf(mad.data).operatorSocket);
  t.after(() => {
    for (const server of [hanging, talking]) {
      server.closeAllConnections();
      server.close();
    }
  });
  await Promise.all([once(hanging, 'listening'), once(talking, 'listening')]);
  const began = performance.now();
  const [one, other] = [await view('hung', 100), await view('mad', 100)];
  assert.ok(performance.now() - began < 5_000);
  for (const it of [one, other]) {
    assert.deepEqual([it.state, it.source, it.live_commit, it.since], ['unhealthy', 'registry', COMMIT, TIME]);
    assert.match(it.note, /does not answer/);
  }
});

test('what does not run: never started, stopped, detached, crashed, rebooted, another process with its pid', async (t) => {
  const { app, runs, view } = await fresh(t);
  const own = ownIdentity();
  await app('new');
  await app('ended', { state: 'stopped', live_commit: '' });
  await app('refused', { state: 'stopped', problem: 'Port 3000 is taken.' });
  await app('loose', { state: 'detached' });
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  await app('killed', { orchestrator: { ...own, pid: child.pid ?? 0 } });
  await app('rebooted', { orchestrator: { ...own, boot_id: 'another boot' } });
  const reused = await app('reused', { orchestrator: { ...own, start_ticks: own.start_ticks - 1 } });
  await runs(reused, { ...own, start_ticks: own.start_ticks - 1 });
  const seen = async (name: string): Promise<unknown[]> => {
    const { state, note, healthy, pid, source } = await view(name);
    assert.deepEqual([healthy, pid, source], [false, null, 'registry'], name);
    return [state, note];
  };
  assert.deepEqual(await seen('new'), ['stopped', 'never started']);
  assert.deepEqual(await seen('ended'), ['stopped', '']);
  assert.deepEqual(await seen('refused'), ['stopped', 'could not start: Port 3000 is taken.']);
  assert.deepEqual(await seen('loose'), ['detached', '']);
  assert.deepEqual(await seen('killed'), ['crashed', `its orchestrator (process ${child.pid}) ended without a word`]);
  assert.deepEqual(await seen('rebooted'), ['crashed', 'the machine was restarted']);
  assert.deepEqual(await seen('reused'), ['crashed', `its orchestrator (process ${own.pid}) ended without a word`]);
});

test('one that runs and never said more is starting', async (t) => {
  const { app, runs, view } = await fresh(t);
  const early = await app('early', { state: 'stopped', orchestrator: { ...ownIdentity(), pid: 1, boot_id: readBootId() } });
  await runs(early, ownIdentity());
  const { state, note, pid } = await view('early', 100);
  assert.deepEqual([state, note, pid], ['starting', 'not ready yet', process.pid]);
});

test('stale: the data directory is gone, is none, or belongs to another app by now', async (t) => {
  const { home, app, view } = await fresh(t);
  const gone = await app('gone', {});
  await rm(gone.data, { recursive: true });
  const file = await app('file', {});
  await rm(file.data, { recursive: true });
  await writeFile(file.data, '');
  const before = await app('before', {});
  await registerApp(home, { ...before, name: 'after' });
  assert.deepEqual([(await view('gone')).state, (await view('gone')).note], ['stale', `its data directory ${gone.data} is gone`]);
  assert.equal((await view('file')).state, 'stale');
  assert.match((await view('before')).note, /belongs to "after" now/);
  assert.equal((await view('after')).state, 'stopped');
});

test('the dashboard is told the same of apps whose orchestrator does not run', async (t) => {
  const { app, runs, home } = await fresh(t);
  const gone = { ...ownIdentity(), start_ticks: 1 };
  await runs(await app('up', { state: 'live' }), ownIdentity());
  await app('never');
  await app('stopped', { state: 'stopped', orchestrator: null, problem: 'port 80 is taken' });
  await app('detached', { state: 'detached', orchestrator: null });
  await app('crashed', { state: 'live', orchestrator: gone });
  const { data } = await app('stale', { state: 'stopped', orchestrator: null });
  await rm(data, { recursive: true });
  const { apps } = await registeredApps(home)();
  assert.deepEqual(Object.fromEntries(apps.map(({ name, ended, note }) => [name, [ended, note]])), {
    up: ['', ''],
    never: ['never_started', 'never started'],
    stopped: ['stopped', 'could not start: port 80 is taken'],
    detached: ['detached', ''],
    crashed: ['crashed', `its orchestrator (process ${process.pid}) ended without a word`],
    stale: ['stale', `its data directory ${data} is gone`],
  });
});

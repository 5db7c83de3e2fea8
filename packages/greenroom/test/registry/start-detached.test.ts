import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, realpathSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { endLeftovers, processesOf } from '../../../../bench/harness/leftovers.ts';
import { freePorts } from '../../../../bench/harness/ports.ts';
import { startDetached } from '../../src/cli/apps/start-detached.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { type RegisteredApp, registerApp } from '../../src/registry/index.ts';
import { observeApp, observeApps } from '../../src/registry/observe.ts';
import { until } from '../e2e/rig.ts';

async function registered(t: TestContext, repo: string): Promise<{ app: RegisteredApp; env: NodeJS.ProcessEnv; root: string }> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'detached-')));
  t.after(async () => {
    await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  });
  const home = join(root, 'home');
  const data = join(root, 'data');
  const [port = 0, api_port = 0] = await freePorts(2);
  const app = { name: 'shop', data, repo: repo || root, contract: layoutOf(data).contract, api_port };
  await mkdir(data);
  writeFileSync(app.contract, JSON.stringify({ start_command: 'node server.js', health_endpoint: '/healthz', port }));
  await registerApp(home, app);
  return { app, root, env: { ...process.env, GREENROOM_HOME: home, NO_COLOR: '1' } };
}

test('one that is not ready in time is left at it, and is told as starting', async (t) => {
  // Takes connections and never says anything: the first fetch waits for it.
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  silent.unref();
  t.after(() => silent.close());
  await once(silent, 'listening');
  const address = silent.address();
  assert.ok(address !== null && typeof address === 'object');
  const { app, env, root } = await registered(t, `http://127.0.0.1:${address.port}/shop.git`);
  const late = await startDetached(app, { env, flags: [], readyLimitMs: 500 });
  assert.ok(!late.ok);
  assert.match(late.error, /^it is not ready after 0\.5 s, and goes on starting \(process \d+\)$/);
  const pid = Number(/process (\d+)/.exec(late.error)?.[1]);
  assert.ok(processesOf(root).includes(pid));
  await until(
    async () => (await observeApp(app, { timeoutMs: 100 })).pid === pid,
    () => 'it is not seen',
  );
  assert.equal((await observeApp(app, { timeoutMs: 100 })).state, 'starting');
  process.kill(pid, 'SIGKILL');
});

test('one that ends says why, with the words of this start only; a large log is put aside first', async (t) => {
  const { app, env } = await registered(t, '');
  const log = layoutOf(app.data).orchestratorLog;
  const first = await startDetached(app, { env, flags: [] });
  assert.ok(!first.ok);
  assert.match(first.error, /is not a git repository/);
  const [told] = (await observeApps(env['GREENROOM_HOME'] ?? '')).apps;
  assert.equal(told?.state, 'stopped');
  assert.match(told.note, /^could not start: .* is not a git repository/);
  writeFileSync(log, 'the words of another start\n');
  truncateSync(log, 9_000_000);
  const second = await startDetached(app, { env, flags: [] });
  assert.ok(!second.ok);
  assert.match(second.error, /is not a git repository/);
  assert.doesNotMatch(second.error, /another start/);
  assert.equal(statSync(`${log}.1`).size, 9_000_000);
  assert.ok(statSync(log).size < 10_000);
  assert.deepEqual(
    readdirSync(app.data).filter((name) => name.startsWith('orchestrator.log')),
    ['orchestrator.log', 'orchestrator.log.1'],
  );
});

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { benchRepo } from '../harness/bench-app.ts';
import { endLeftovers, processesOf } from '../harness/leftovers.ts';
import { freePorts } from '../harness/ports.ts';
import { startLoad } from '../load/load.ts';

const START_LIMIT_MS = 5_000;

describe('bench app', () => {
  const root = mkdtempSync(join(tmpdir(), 'greenroom-bench-app-'));
  const repo = join(root, 'repo');
  let app: ChildProcess;
  let url: string;

  before(async () => {
    benchRepo(repo, 1);
    const [port, internalPort] = (await freePorts(2)) as [number, number];
    url = `http://127.0.0.1:${port}`;
    const env = { ...process.env, PORT: String(port), INTERNAL_PORT: String(internalPort), GREENROOM_COMMIT: 'c1', BENCH_SLOW_MS: '100' };
    app = spawn(process.execPath, ['server.cjs'], { cwd: repo, env, stdio: 'inherit' });
    const deadline = Date.now() + START_LIMIT_MS;
    while (!(await answers(`http://127.0.0.1:${internalPort}`))) {
      assert.ok(Date.now() < deadline, `the bench app did not start within ${START_LIMIT_MS} ms`);
      await delay(10);
    }
  });
  after(async () => {
    await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
  });

  it('answers every kind of load right, and ends streams cleanly on SIGTERM without losing a request in flight', async () => {
    const load = startLoad({ url, mix: { get: 1, 'get-new': 1, post: 1, 'post-new': 1, slow: 1, sse: 1, ws: 1 }, pause_ms: 1 });
    load.expect('c1');
    const deadline = Date.now() + START_LIMIT_MS;
    while (Object.values(load.snapshot().kinds).some((kind) => kind.ok < 2)) {
      assert.ok(Date.now() < deadline, JSON.stringify(load.snapshot()));
      await delay(10);
    }
    const report = await load.stop();
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.equal(report.stale, 0);
    assert.deepEqual(Object.keys(report.commits), ['c1']);

    const [stream, slow] = [await fetch(`${url}/events`), await fetch(`${url}/slow?begun`)];
    const exited = once(app, 'exit');
    app.kill('SIGTERM');
    assert.match(await stream.text(), /^data: hello\n\n/);
    assert.equal(await slow.text(), 'slow\n');
    assert.deepEqual(await exited, [0, null]);
  });

  it('is found by its folder, and ended', async () => {
    const sleeper = spawn('sleep', ['600'], { cwd: repo, stdio: 'ignore', detached: true });
    await once(sleeper, 'spawn');
    const exited = once(sleeper, 'exit');
    assert.ok(processesOf(root).includes(sleeper.pid ?? 0));
    assert.equal((await endLeftovers(root)).length, 1);
    assert.deepEqual(await exited, [null, 'SIGKILL']);
  });
});

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadOpenAlerts } from '../../src/orchestrator/adapters/alerts/open-alerts.ts';
import { receiver, temporary, until } from './support.ts';

const COUNT = 30;

interface Children {
  run(url: string, count: number): ChildProcess;
}

/** Processes that all work on one folder, one after the other. */
async function children(t: TestContext): Promise<Children> {
  const started: ChildProcess[] = [];
  const folder = await temporary(t, async () => {
    await Promise.all(started.map(kill));
  });
  return {
    run(url, count) {
      const child = start(folder, url, count);
      started.push(child);
      return child;
    },
  };
}

function start(folder: string, url: string, count: number): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL('kill-child.ts', import.meta.url)), folder, url, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('kill -9 while alerts wait, and again and again while they are delivered: none is lost, order holds, only those under way come twice', async (t) => {
  const { run } = await children(t);
  let down = true;
  const service = await receiver(t, () => (down ? 500 : 200));
  const first = run(service.url, COUNT);
  assert.ok(first.stdout);
  assert.match(String((await once(first.stdout, 'data'))[0]), /queued/);
  await kill(first);
  service.received.length = 0;
  down = false;
  let kills = 0;
  const seen = (): Set<unknown> => new Set(service.received.map((it) => it.body['title']));
  while (seen().size < COUNT) {
    const child = run(service.url, 0);
    const before = service.received.length;
    await until(() => service.received.length > before + 5 || seen().size === COUNT);
    await kill(child);
    kills += 1;
  }
  assert.ok(kills >= 3, 'it was killed in the middle');
  const titles = service.received.map((it) => it.body['title']);
  assert.ok(titles.length <= COUNT + kills, `${titles.length} deliveries of ${COUNT} alerts, ${kills} kills`);
  const firstTimes = [...new Set(titles)];
  assert.deepEqual(
    firstTimes,
    Array.from({ length: COUNT }, (_, index) => `alert ${index + 1}`),
  );
  assert.equal(new Set(service.received.map((it) => it.body['id'])).size, COUNT);
});

test('kill -9 at any moment of sending: what is raised again afterwards comes once', async (t) => {
  const { run } = await children(t);
  const service = await receiver(t);
  for (const afterMs of [120, 150, 180, 210]) {
    const child = run(service.url, COUNT);
    // Not a wait for anything: the moment of the kill is what varies.
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await kill(child);
  }
  const last = run(service.url, COUNT);
  await until(() => new Set(service.received.map((it) => it.body['title'])).size === COUNT);
  await kill(last);
  const repeated = service.received.length - new Set(service.received.map((it) => it.body['id'])).size;
  assert.equal(new Set(service.received.map((it) => it.body['id'])).size, COUNT, 'one id for each alert, in all runs');
  assert.ok(repeated <= 4, `${repeated} came twice, at most one for each kill`);
});

test('the first alert of all has the same id when it is raised anew after a crash', async (t) => {
  const file = join(await temporary(t, async () => undefined), 'open.json');
  const refuse = (message: string): never => assert.fail(message);
  const before = await loadOpenAlerts(file, 1_000, refuse);
  assert.equal(before.next(), 1_000);
  assert.equal((await loadOpenAlerts(file, 2_000, refuse)).next(), 1_000);
});

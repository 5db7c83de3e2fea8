import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { receiver, temporary, until } from './support.ts';

const COUNT = 30;

function run(t: TestContext, folder: string, url: string, count: number): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL('kill-child.ts', import.meta.url)), folder, url, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('kill -9 while alerts wait, and again and again while they are delivered: none is lost, order holds, only those under way come twice', async (t) => {
  const folder = await temporary(t);
  let down = true;
  const service = await receiver(t, () => (down ? 500 : 200));
  const first = run(t, folder, service.url, COUNT);
  assert.ok(first.stdout);
  assert.match(String((await once(first.stdout, 'data'))[0]), /queued/);
  await kill(first);
  service.received.length = 0;
  down = false;
  let kills = 0;
  const seen = (): Set<unknown> => new Set(service.received.map((it) => it.body['title']));
  while (seen().size < COUNT) {
    const child = run(t, folder, service.url, 0);
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
  const folder = await temporary(t);
  const service = await receiver(t);
  for (const afterMs of [120, 150, 180, 210]) {
    const child = run(t, folder, service.url, COUNT);
    // Not a wait for anything: the moment of the kill is what varies.
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await kill(child);
  }
  const last = run(t, folder, service.url, COUNT);
  await until(() => new Set(service.received.map((it) => it.body['title'])).size === COUNT);
  await kill(last);
  const repeated = service.received.length - new Set(service.received.map((it) => it.body['id'])).size;
  assert.equal(new Set(service.received.map((it) => it.body['id'])).size, COUNT, 'one id for each alert, in all runs');
  assert.ok(repeated <= 4, `${repeated} came twice, at most one for each kill`);
});

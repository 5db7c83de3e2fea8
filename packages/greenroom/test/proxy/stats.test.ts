import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import test, { type TestContext } from 'node:test';
import { PROXY_SECONDS, type ProxyAppStats, type ProxyInstanceStats, type ProxyStats, type ProxyStatus } from '@greenroom/sdk/proxy';
import fc from 'fast-check';
import WebSocket, { WebSocketServer } from 'ws';
import { addStats, createInstanceCounts, createKeeper, type TrafficStats } from '../../src/proxy/counts.ts';
import { fetchOnce, type ProxyRig, startApp, startProxyRig, targetOf, until } from './rig.ts';

const SLOW_MS = 120;

for (const workers of [1, 2]) {
  test(`what passes is counted by instance, by ${workers} process(es)`, async (t) => {
    const proxy = await startProxyRig(t, workers);
    assert.equal((await fetchOnce(proxy.port, '/')).status, 503);
    const app = await startCountedApp(t, 'one');
    await proxy.route(targetOf(app));
    for (const path of ['/', '/', '/404', '/500', '/slow', '/cut']) await fetchOnce(proxy.port, path).catch(() => undefined);
    await fetchOnce(proxy.port, '/404', { method: 'POST', body: 'x' });
    // A GET would be tried twice, and counted twice, where a connection was open already.
    assert.equal((await fetchOnce(proxy.port, '/none', { method: 'POST', body: 'x' })).status, 502);
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ws`);
    await once(socket, 'open');
    const counted = await statsWhen(proxy, (it) => it.streams === 1 && it.requests === 0 && sum(it.duration.counts) === 6);
    socket.close();

    assert.deepEqual(counted.answers, [1, 4, 0, 2, 1], 'an upgrade; two, a slow one and one that was cut; two; one');
    assert.equal(counted.cut, 1);
    assert.equal(counted.unanswered, 1);
    assert.equal(sum(counted.first_byte.counts), 8);
    const slow = counted.duration.counts.slice(PROXY_SECONDS.findIndex((bound) => bound * 1_000 >= SLOW_MS));
    assert.ok(sum(slow) >= 1, 'the slow one is in a bucket of its time');
    assert.ok(counted.duration.sum >= SLOW_MS / 1_000 && counted.duration.sum < 60);
    const { failures } = await statsOf(proxy);
    assert.deepEqual(byStatus(failures), { 502: 1, 503: 1 });
    await statsWhen(proxy, (it) => it.streams === 0);
  });
}

test('counts of what was live stay, of three instances at most', async (t) => {
  const proxy = await startProxyRig(t);
  for (const instance of ['one', 'two', 'three', 'four', 'five']) {
    await proxy.route(targetOf(await startApp(t, instance, (_, response) => response.end(instance))));
    assert.equal((await fetchOnce(proxy.port, '/')).body, instance);
  }
  const { instances } = await statsOf(proxy);
  assert.deepEqual(
    instances.map(({ instance, answers }) => [instance, answers[1]]),
    [
      ['three', 1],
      ['four', 1],
      ['five', 1],
    ],
  );
});

test('a worker that is killed takes none of its counts with it', async (t) => {
  const proxy = await startProxyRig(t, 2);
  const app = await startApp(t, 'one', (_, response) => response.end('one'));
  await proxy.route(targetOf(app));
  for (let i = 0; i < 10; i++) await fetchOnce(proxy.port, '/');
  await statsWhen(proxy, (it) => sum(it.duration.counts) === 10);
  const [first] = proxy.workers();
  assert.ok(first !== undefined);
  process.kill(first, 'SIGKILL');
  await until(async () => !proxy.workers().includes(first) && (await proxy.control<ProxyStatus>('GET', '/')).body.workers === 2);
  const after = await statsWhen(proxy, () => true);
  assert.deepEqual([after.answers[1], sum(after.duration.counts)], [10, 10]);
  for (let i = 0; i < 4; i++) await fetchOnce(proxy.port, '/');
  await statsWhen(proxy, (it) => it.answers[1] === 14);
});

test('counters never go back, whichever processes end', () => {
  const ends = fc.record({ adds: fc.array(fc.nat(100), { minLength: 3, maxLength: 3 }), killed: fc.option(fc.nat(2)) });
  fc.assert(
    fc.property(fc.array(ends, { maxLength: 20 }), (rounds) => {
      const keep = createKeeper();
      const counts = [0, 0, 0];
      let before = 0;
      let total = 0;
      for (const { adds, killed } of rounds) {
        for (const [index, add] of adds.entries()) counts[index] = (counts[index] ?? 0) + add;
        total += sum(adds);
        const told = keep(addStats(counts.map(trafficOf)));
        const now = told.instances[0]?.answers[1] ?? 0;
        assert.ok(now >= before && now <= total, `${before} ${now} ${total}`);
        assert.equal(told.failures[0]?.count, now);
        before = now;
        if (killed !== null) counts[killed] = 0;
      }
      if (rounds.every(({ killed }) => killed === null)) assert.equal(before, total);
    }),
  );
});

function trafficOf(count: number): TrafficStats {
  const instance = { instance: 'one', ...createInstanceCounts(), answers: [0, count, 0, 0, 0], requests: 0, streams: 0 };
  return { instances: [instance], failures: [{ status: 503, count }] };
}

async function startCountedApp(t: TestContext, instance: string): ReturnType<typeof startApp> {
  const server = http.createServer((request, response) => {
    request.resume();
    if (request.url === '/none') return void request.socket.destroy();
    if (request.url === '/cut') {
      response.writeHead(200, { 'Content-Length': 1_000 }).write('a part', () => request.socket.destroy());
      return;
    }
    const status = Number(request.url?.slice(1)) || 200;
    setTimeout(() => response.writeHead(status).end('done'), request.url === '/slow' ? SLOW_MS : 0);
  });
  const sockets = new WebSocketServer({ server });
  t.after(() => sockets.close());
  return startApp(t, instance, server);
}

async function statsOf(proxy: ProxyRig): Promise<ProxyAppStats> {
  const { body } = await proxy.control<ProxyStats>('GET', '/stats');
  const found = body.apps.find(({ app }) => app === 'app');
  assert.ok(found);
  return found;
}

/** Of the only instance: the last of an exchange is counted when the visitor has its answer already. */
async function statsWhen(proxy: ProxyRig, holds: (stats: ProxyInstanceStats) => boolean): Promise<ProxyInstanceStats> {
  let last: ProxyInstanceStats | undefined;
  await until(async () => {
    [last] = (await statsOf(proxy)).instances;
    return last !== undefined && holds(last);
  }).catch((error: Error) => assert.fail(`${error.message}: ${JSON.stringify(last)}`));
  assert.ok(last);
  return last;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

const byStatus = (failures: ProxyAppStats['failures']): Record<string, number> =>
  Object.fromEntries(failures.map(({ status, count }) => [status, count]));

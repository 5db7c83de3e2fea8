import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import http, { type ServerResponse } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyUpgraded } from '@greenroom/sdk/proxy';
import { WebSocketServer } from 'ws';
import { startLoad } from '../../../../bench/load/load.ts';
import { openRig } from './hand-over-rig.ts';
import { answers, fetchOnce, freePort, isRunning, MAIN, startApp, targetOf, until } from './rig.ts';

/** `npm run bench:upgrade` has more. */
const UPGRADES = 2;
const FAR_MS = 60_000;
const VISIT_EVERY_MS = 3;

for (const workers of [1, 2] as const) {
  test(`${UPGRADES} upgrades under load lose no request and cut no stream (workers: ${workers})`, async (t) => {
    const { proxy, upgrade, statusOf } = await openRig(t, workers);
    const app = await startApp(t, 'old', createLoadApp());
    await proxy.route(targetOf(app));
    const load = startLoad({
      url: `http://127.0.0.1:${proxy.port}`,
      mix: { get: 2, 'get-new': 2, post: 2, 'post-new': 1, slow: 2, sse: 2, ws: 2 },
    });
    t.after(() => load.stop());
    const pids = [proxy.child.pid ?? 0];
    for (let i = 0; i < UPGRADES; i += 1) {
      const { pid } = await upgrade();
      pids.push(pid);
      const status = await statusOf();
      assert.equal(status.pid, pid);
      assert.equal(status.apps[0]?.in_flight.find((it) => it.instance === 'old')?.streams, 4, 'those of all before it count');
    }
    const report = await load.stop();
    for (const [kind, { failed, reconnects, ok }] of Object.entries(report.kinds)) {
      assert.deepEqual([kind, failed, reconnects], [kind, 0, 0], JSON.stringify(report));
      assert.ok(ok > 0, kind);
    }
    const last = pids.pop() ?? 0;
    await until(() => !pids.some(isRunning));
    assert.ok(isRunning(last));
  });

  test(`what the old one still has in flight belongs to status, route and drain of the new one (workers: ${workers})`, async (t) => {
    const { proxy, upgrade, statusOf } = await openRig(t, workers);
    const open: ServerResponse[] = [];
    const old = await startApp(t, 'old', (request, response) => {
      if (request.url === '/begun') response.flushHeaders();
      if (request.url === '/wait' || request.url === '/begun') open.push(response);
      else response.end('old');
    });
    const next = await startApp(t, 'next', (_, response) => response.end('next'));
    await proxy.route(targetOf(old));
    const waiting = fetchOnce(proxy.port, '/wait');
    await until(() => open.length === 1);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    assert.equal((await fetchOnce(proxy.port, '/', { agent })).body, 'old');
    const promised = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => promised.destroy());
    const begun = http.get({ host: '127.0.0.1', port: proxy.port, path: '/begun', agent: promised });
    const [answer] = (await once(begun, 'response')) as [http.IncomingMessage];
    assert.equal(answer.headers.connection, undefined, 'it is kept');

    const first = proxy.child.pid ?? 0;
    const { pid } = await upgrade();
    assert.deepEqual((await statusOf()).apps[0]?.in_flight, [{ instance: 'old', requests: 2, streams: 0 }]);
    await proxy.route(targetOf(next));
    // The one on which the client asked before: what it asks now goes where everything goes now, and then it is told to open another.
    const reused = await fetchOnce(proxy.port, '/', { agent });
    assert.deepEqual([reused.body, reused.headers.connection], ['next', 'close']);
    // The answer that began before said nothing of an end: there is one more on this connection.
    open[1]?.end();
    await once(answer.resume(), 'end');
    const last = await fetchOnce(proxy.port, '/', { agent: promised });
    assert.deepEqual([last.body, last.headers.connection], ['next', 'close']);
    assert.deepEqual(await proxy.drain('old', 50), { drained: false, closed_streams: 0, abandoned_requests: 1 });
    let ended = false;
    const drained = proxy.drain('old', FAR_MS).finally(() => {
      ended = true;
    });
    assert.ok(isRunning(first) && !ended);
    open[0]?.end('late');
    assert.equal((await waiting).body, 'late');
    assert.deepEqual(await drained, { drained: true, closed_streams: 0, abandoned_requests: 0 });
    await until(() => !isRunning(first));
    assert.equal((await statusOf()).pid, pid);
  });
}

test('a program that cannot be the next one, or that nobody trusted put there, changes nothing', async (t) => {
  const { proxy, statusOf } = await openRig(t, 1);
  const app = await startApp(t, 'old', (_, response) => response.end('old'));
  await proxy.route(targetOf(app));
  const main = join(proxy.dir, 'main.mjs');
  await writeFile(main, 'process.exit(3)');
  const ask = async (body: unknown): Promise<[number, string]> => {
    const answer = await proxy.control<{ error: string }>('POST', '/upgrade', body);
    return [answer.status, answer.body.error];
  };
  assert.deepEqual(await ask({ main: 'main.mjs' }), [400, '"main" is "main.mjs", but must be an absolute path, or left out']);
  assert.deepEqual(await ask({ main: '/no/such/main.js' }), [409, '/no/such/main.js cannot be read (ENOENT)']);
  assert.deepEqual(await ask({ main }), [409, 'it ended (code 3); the log says more']);
  await chmod(main, 0o666);
  assert.deepEqual(await ask({ main }), [409, `${main} can be written by everybody`]);
  assert.equal((await statusOf()).pid, proxy.child.pid);
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'old');
});

/** From "owner" on the successor is the proxy, and its end that of any proxy. */
const KILLS = [
  ['successor', 'before', 'prepared'],
  ['successor', 'after', 'ask'],
  ['successor', 'after', 'serving'],
  ['successor', 'before', 'owner'],
  ['predecessor', 'after', 'prepared'],
  ['predecessor', 'after', 'ask'],
  ['predecessor', 'before', 'serving'],
  ['predecessor', 'after', 'owner'],
] as const;

for (const [victim, moment, step] of KILLS) {
  test(`kill -9 of the ${victim} just ${moment} the successor says "${step}": somebody listens, and one is the proxy`, async (t) => {
    const { proxy, upgrade, statusOf } = await openRig(t, 1);
    const old = await startApp(t, 'old', (_, response) => response.end('old'));
    const next = await startApp(t, 'next', (_, response) => response.end('next'));
    await proxy.route(targetOf(old));
    const shared = await freePort();
    const routes = [{ port: shared, host: 'shop.example' }];
    await proxy.control('PUT', '/apps/shop', { port: await freePort(), routes });
    await proxy.control('PUT', '/apps/shop/target', targetOf(old));
    const visits = [proxy.port, shared].map(visitAllTheTime);
    t.after(() => void visits.map((each) => each.end()));
    const onShared = async (): Promise<string> => (await fetchOnce(shared, '/', { headers: { Host: 'shop.example' } })).body;
    const main = join(proxy.dir, 'main.mjs');
    await writeFile(main, killing(step, moment, victim));
    const first = proxy.child.pid ?? 0;
    const answer = await proxy.control<ProxyUpgraded>('POST', '/upgrade', { main }).catch(() => null);
    if (victim === 'predecessor') await until(() => proxy.child.signalCode === 'SIGKILL' || proxy.child.exitCode === 0);
    else assert.equal(answer?.status, 409);
    await until(async () => (await answers(proxy.dir)) && ((await statusOf()).pid === first) === (victim === 'successor'));
    await proxy.route(targetOf(next));
    assert.deepEqual([(await fetchOnce(proxy.port, '/')).body, await onShared()], ['next', 'old']);
    const { pid } = await upgrade();
    const { pid: found, apps } = await statusOf();
    assert.deepEqual([found, apps.map(({ app }) => app)], [pid, ['app', 'shop']], 'the next hand-over succeeds');
    assert.deepEqual([(await fetchOnce(proxy.port, '/')).body, await onShared()], ['next', 'old']);
    const refused = (await Promise.all(visits.map((each) => each.end()))).flat();
    // Before the other one has all sockets, its death is that of any proxy; it is only shorter.
    if (victim === 'successor' || !['prepared', 'ask'].includes(step)) assert.deepEqual(refused, []);
  });
}

/** A proxy that kills itself, or the one before it, at a step of the hand-over. */
function killing(step: string, moment: string, victim: string): string {
  return `
const send = process.send;
let killed = false;
const victim = ${victim === 'successor' ? 'process.pid' : 'process.ppid'};
// The one before may have ended by itself by then, as it does when nothing is in flight.
const kill = () => { try { process.kill(victim, 'SIGKILL'); } catch (error) { if (error.code !== 'ESRCH') throw error; } };
process.send = (message, handle, options, done) => {
  if (message.say !== '${step}' || killed) return send.call(process, message, handle, options, done);
  killed = true;
  if ('${moment}' === 'before') kill();
  return send.call(process, message, handle, options, (error) => { if ('${moment}' === 'after') kill(); done(error); });
};
await import(${JSON.stringify(MAIN)});
`;
}

/** New connections, one after the other. Answers those that found nobody listening; one that was accepted by what died may be lost. */
function visitAllTheTime(port: number): { end(): Promise<string[]> } {
  let ending = false;
  const refused: string[] = [];
  const work = (async () => {
    while (!ending) {
      await delay(VISIT_EVERY_MS);
      await fetchOnce(port, '/').catch(({ code = '' }: NodeJS.ErrnoException) => code === 'ECONNREFUSED' && refused.push(code));
    }
  })();
  return {
    async end() {
      ending = true;
      await work;
      return refused;
    },
  };
}

/** What the clients of the load ask for. */
function createLoadApp(): http.Server {
  const server = http.createServer((request, response) => {
    response.setHeader('X-App-Commit', 'one');
    if (request.url === '/slow') setTimeout(() => response.end('slow'), 300);
    else if (request.url === '/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: tick\n\n'), 20);
      response.on('close', () => clearInterval(timer));
    } else if (request.url === '/echo') request.pipe(response);
    else response.end('hello');
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('headers', (headers) => headers.push('X-App-Commit: one'));
  sockets.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  return server;
}

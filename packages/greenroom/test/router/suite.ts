/** What every router does, whatever proxy it stands for; run against the real program of each. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import WebSocket from 'ws';
import { startLoad } from '../../../../bench/load/load.ts';
import { RouterError } from '../../src/orchestrator/adapters/router/router-error.ts';
import type { DrainLimits, Router } from '../../src/orchestrator/ports.ts';
import { fetchOnce, freePort, startApp, until } from '../proxy/rig.ts';
import type { AppSetting, RouterRig, Traits } from './suite/rig.ts';

const SWAPS = 3;

export function testRouter(traits: Traits, startRig: (t: TestContext) => Promise<RouterRig>): void {
  const title = (text: string): string => `${traits.name}: ${text}`;
  const unlessOnlySwaps = (name: string, work: (t: TestContext) => Promise<void>): void => {
    if (!traits.onlySwaps) void test(name, work);
  };

  test(title('registers, routes, drains and gives back'), async (t) => {
    const rig = await startRig(t);
    const setting = await settingOf('shop', { internal: true });
    const { port, internalPort } = setting;
    const router = rig.router(setting);
    await router.register();
    await router.register();
    assert.equal(await router.current(), null);
    await unavailable(port);
    await unavailable(internalPort);

    const [first, second] = [await rig.instance(setting, 'i1'), await rig.instance(setting, 'i2')];
    for (const target of [first, second, first, second]) {
      assert.deepEqual(await router.switchTo(target), { ok: true, value: undefined });
      assert.equal(await router.current(), target.instance);
      assert.equal((await fetchOnce(port, '/')).body, target.instance);
      assert.equal((await fetchOnce(internalPort, '/')).body, `${target.instance} internal`);
    }
    assert.deepEqual(await router.drain('i1', limits(2_000)), { drained: true, closedStreams: 0, abandonedRequests: 0 });
    assert.equal((await router.drain('i2', limits(2_000))).drained, false, 'what is routed to cannot be drained');

    assert.equal((await router.switchTo(null)).ok, true);
    assert.equal(await router.current(), null);
    await unavailable(port);
    await router.deregister();
    await refuses(port);
    await refuses(internalPort);
    await router.register();
    assert.equal(await router.current(), null, 'an app that was deregistered is forgotten');
  });

  unlessOnlySwaps(title('the visitor, and no more than that, is told to the app'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    await router.switchTo(await rig.instance(setting, 'i1'));
    const headers = { Host: 'shop.example.com', 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' };
    const told = JSON.parse((await fetchOnce(setting.port, '/headers', { headers })).body) as Record<string, string>;
    assert.equal(told['host'], 'shop.example.com');
    assert.equal(told['x-forwarded-for'], '127.0.0.1', 'a stranger is not believed');
    assert.equal(told['x-forwarded-proto'], 'http');
  });

  test(title('switches take effect in the order of the calls'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    const instances = await Promise.all(['i1', 'i2', 'i3'].map((name) => rig.instance(setting, name)));
    for (let round = 0; round < (traits.onlySwaps ? 1 : 3); round += 1) {
      await Promise.all([...instances, null, ...instances].map((each) => router.switchTo(each)));
      assert.equal(await router.current(), 'i3');
      assert.equal((await fetchOnce(setting.port, '/')).body, 'i3');
    }
  });

  test(title('swaps under load'), { timeout: 60_000 }, async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    const swaps = traits.onlySwaps ? 2 : SWAPS;
    let live = await rig.instance(setting, 'i0');
    await router.switchTo(live);
    const load = startLoad({
      url: `http://127.0.0.1:${setting.port}`,
      mix: { get: 4, 'get-new': 2, post: 3, 'post-new': 1, slow: 2, sse: 2, ws: 2 },
      pause_ms: 2,
    });
    t.after(() => load.stop());
    load.expect('i0');
    for (let swap = 1; swap <= swaps; swap += 1) {
      const next = await rig.instance(setting, `i${swap}`);
      load.expect('');
      assert.equal((await router.switchTo(next)).ok, true);
      load.expect(next.instance);
      const report = await router.drain(live.instance, limits(traits.tellsStreams ? 10_000 : 900, 200));
      if (traits.tellsStreams) assert.equal(report.abandonedRequests, 0);
      await live.stop();

      live = next;
    }
    const report = await load.stop();
    t.diagnostic(`${swaps} swaps, ${report.ok} right, ${report.failed} failed, ${report.stale} stale, gap ${report.longest_gap_ms} ms`);
    for (const failure of report.failures) t.diagnostic(`failed at ${failure.at_ms} ms: ${failure.kind}: ${failure.error}`);
    const lost = report.failures.filter(({ error }) => traits.mayReset && /^ECONNRESET /.test(error));
    assert.deepEqual(
      report.failures.filter((failure) => !lost.includes(failure)),
      [],
    );
    assert.equal(report.stale, 0, 'an answer of a release that was no longer live');
    for (const [kind, { ok }] of Object.entries(report.kinds)) assert.ok(ok > 0, `no ${kind} was answered`);
  });

  test(title('a slow request ends on the old instance, and the drain waits for it'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    const [old, next] = [await rig.instance(setting, 'old'), await rig.instance(setting, 'next')];
    await router.switchTo(old);
    const slow = fetchOnce(setting.port, '/slow');
    await until(() => old.busy() > 0);
    await router.switchTo(next);
    assert.equal((await fetchOnce(setting.port, '/')).body, 'next');
    assert.equal(old.busy(), 1);
    const report = await router.drain('old', limits(10_000));
    assert.equal(old.busy(), 0, 'drained while a request was in flight');
    assert.deepEqual(report, { drained: true, closedStreams: 0, abandonedRequests: 0 });
    assert.equal((await slow).body, 'old');
  });

  unlessOnlySwaps(title('a request that does not end is given up at the limit, and counted; an abort ends the wait'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    const old = await rig.instance(setting, 'old');
    await router.switchTo(old);
    const held = fetchOnce(setting.port, '/hold').catch((error: Error) => error);
    await until(() => old.busy() > 0);
    await router.switchTo(await rig.instance(setting, 'next'));
    const abort = new AbortController();
    const aborted = router.drain('old', { timeoutMs: 60_000, streamTimeoutMs: 60_000, signal: abort.signal });
    abort.abort();
    assert.equal((await aborted).drained, false);
    assert.deepEqual(await router.drain('old', limits(300)), { drained: false, closedStreams: 0, abandonedRequests: 1 });
    t.after(() => held);
  });

  test(title('a WebSocket and an event stream across a swap'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    const old = await rig.instance(setting, 'old');
    await router.switchTo(old);
    const socket = new WebSocket(`ws://127.0.0.1:${setting.port}/`);
    const closed = once(socket, 'close') as Promise<[number]>;
    await once(socket, 'open');
    const events = await openEvents(setting.port);
    await router.switchTo(await rig.instance(setting, 'next'));
    if (traits.keepsStreams) {
      socket.send('still there?');
      assert.equal(String((await once(socket, 'message'))[0]), 'still there?');
    }
    const began = performance.now();
    const report = await router.drain('old', limits(traits.tellsStreams ? 5_000 : 500, 400));
    if (traits.tellsStreams) assert.ok(performance.now() - began < 4_000, 'streams do not hold a drain longer than their limit');
    if (traits.tellsStreams) assert.deepEqual(report, { drained: true, closedStreams: 2, abandonedRequests: 0 });
    await old.stop();
    assert.equal((await closed)[0], 1001);
    await events.ended;
  });

  test(title('a proxy that is killed routes as before, and so does a new orchestrator'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    const other = await registered(rig, 'blog');
    await router.switchTo(await rig.instance(setting, 'i1'));
    await other.router.switchTo(await rig.instance(other.setting, 'b1'));
    for (const next of ['i2', 'i3']) {
      const killed = performance.now();
      await rig.kill();
      await until(() => says(setting.port, next === 'i2' ? 'i1' : 'i2'));
      t.diagnostic(`answers again ${Math.round(performance.now() - killed)} ms after the kill`);
      await until(() => says(other.setting.port, 'b1'));
      assert.equal((await router.switchTo(await rig.instance(setting, next))).ok, true);
      assert.equal((await fetchOnce(setting.port, '/')).body, next);
    }
    router.close();
    assert.equal((await fetchOnce(setting.port, '/')).body, 'i3');
    const again = rig.router(setting);
    await again.register();
    assert.equal(await again.current(), 'i3');
  });

  unlessOnlySwaps(title('routes that were lost are put back'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    await router.switchTo(await rig.instance(setting, 'i1'));
    const operators = await rig.operators();
    await rig.lose();
    const lost = performance.now();
    await until(() => says(setting.port, 'i1'));
    t.diagnostic(`put back after ${Math.round(performance.now() - lost)} ms`);
    assert.equal(await router.current(), 'i1');
    assert.deepEqual(await rig.operators(), operators, 'what the operator wrote is as it was');
  });

  unlessOnlySwaps(title('a port that is taken is refused by name, and nothing else is disturbed'), async (t) => {
    const rig = await startRig(t);
    const { setting, router } = await registered(rig, 'shop');
    await router.switchTo(await rig.instance(setting, 'i1'));
    const operators = await rig.operators();
    const squatter = await startApp(t, 'squatter', (_, response) => response.end('squatter'));
    await assert.rejects(rig.router({ app: 'late', port: squatter.port }).register(), (error: Error) => {
      assert.ok(error instanceof RouterError, error.stack);
      assert.equal(error.code, 'port_in_use');
      assert.match(error.message, new RegExp(`port ${squatter.port}.*pid ${process.pid}`));
      return true;
    });
    await assert.rejects(rig.router({ app: 'twin', port: setting.port }).register(), (error: Error) => {
      assert.ok(error instanceof RouterError, error.stack);
      assert.equal(error.code, 'port_in_use');
      assert.match(error.message, new RegExp(`port ${setting.port}.*shop`));
      return true;
    });
    assert.equal((await fetchOnce(squatter.port, '/')).body, 'squatter');
    assert.equal((await fetchOnce(setting.port, '/')).body, 'i1');
    assert.equal((await router.switchTo(await rig.instance(setting, 'i2'))).ok, true);
    assert.equal((await fetchOnce(setting.port, '/')).body, 'i2');
    assert.deepEqual(await rig.operators(), operators);
  });

  unlessOnlySwaps(title('the path of the chat leads to the chat'), async (t) => {
    const rig = await startRig(t);
    const plain = await settingOf('shop', { internal: true });
    const { server: chat } = await startApp(t, 'chat', (request, response) => response.end(`chat ${request.url}`));
    const socket = join(rig.folder, 'chat.sock');
    const setting: AppSetting = { ...plain, chat: { path: '/.greenroom', socket } };
    const router = rig.router(setting);
    await router.register();
    await router.switchTo(await rig.instance(setting, 'i1'));
    const silent = await fetchOnce(setting.port, '/.greenroom/api');
    assert.equal(silent.status, 503);
    assert.match(silent.body, /greenroom chat/);
    const door = http.createServer((request, response) => void chat.emit('request', request, response)).listen(socket);
    t.after(() => door.close());
    await once(door, 'listening');
    // As the chat service does where the proxy is another user's.
    await chmod(socket, 0o666);
    for (const path of ['/.greenroom', '/.greenroom/', '/.greenroom/api/x?y=%2f'])
      assert.equal((await fetchOnce(setting.port, path)).body, `chat ${path}`);
    for (const path of ['/', '/.greenroomX', '/.greenroom%2fapi', '/.Greenroom/', '/a/.greenroom/'])
      assert.equal((await fetchOnce(setting.port, path)).body, 'i1', path);
    assert.equal((await fetchOnce(setting.port, '/.greenroom/%2e%2e/admin')).status, 400);
    assert.equal((await fetchOnce(plain.internalPort, '/.greenroom/api')).body, 'i1 internal');
  });

  if (traits.routes && !traits.onlySwaps) testRoutes(title, startRig);
}

function testRoutes(title: (text: string) => string, startRig: (t: TestContext) => Promise<RouterRig>): void {
  test(title('apps beside each other by host and path'), async (t) => {
    const rig = await startRig(t);
    const operators = await rig.operators();
    const port = rig.routePort;
    const routesOf: Record<string, AppSetting['routes'] & object> = {
      shop: [
        { host: 'shop.example.com', port },
        { host: 'www.example.com', path: '/shop', port },
      ],
      www: [{ host: 'www.example.com', port }],
      rest: [{ host: '*.example.com', port }],
    };
    const apps = new Map<string, { setting: AppSetting; router: Router }>();
    for (const [app, routes] of Object.entries(routesOf)) {
      const found = await registered(rig, app, { routes });
      await found.router.switchTo(await rig.instance(found.setting, app));
      apps.set(app, found);
    }
    const from = async (host: string, path = '/'): Promise<string> => {
      const { status, body } = await fetchOnce(port, path, { headers: { Host: host } });
      return status === 200 ? body : String(status);
    };
    assert.equal(await from('shop.example.com'), 'shop');
    assert.equal(await from('www.example.com'), 'www');
    assert.equal(await from('www.example.com', '/shop'), 'shop');
    assert.equal(await from('www.example.com', '/shop/x?y'), 'shop');
    assert.equal(await from('www.example.com', '/shopping'), 'www');
    assert.equal(await from('other.example.com'), 'rest');
    assert.equal(await from('example.org'), '404');

    const shop = apps.get('shop');
    assert.ok(shop);
    assert.equal((await fetchOnce(shop.setting.port, '/')).body, 'shop');
    await assert.rejects(fetchOnce(shop.setting.port, '/', { host: OTHER_ADDRESS }), /ECONNREFUSED/, 'port is for this machine only');
    await shop.router.switchTo(await rig.instance(shop.setting, 'shop2'));
    assert.equal(await from('shop.example.com'), 'shop2');
    assert.equal(await from('www.example.com', '/shop'), 'shop2');
    assert.equal(await from('www.example.com'), 'www');

    await assert.rejects(
      rig.router({ ...(await settingOf('thief')), routes: [{ host: 'www.example.com', port }] }).register(),
      (error: Error) => {
        assert.ok(error instanceof RouterError, error.stack);
        assert.match(error.message, /www\.example\.com.*www/);
        return true;
      },
    );
    await shop.router.deregister();
    assert.equal(await from('shop.example.com'), 'rest');
    assert.equal(await from('www.example.com', '/shop'), 'www');
    for (const app of ['www', 'rest']) await apps.get(app)?.router.deregister();
    assert.deepEqual(await rig.operators(), operators, 'nothing is left');
  });
}

/** Another of this machine's addresses than the one that `127.0.0.1` listeners have. */
const OTHER_ADDRESS = '127.0.0.2';

async function settingOf(app: string, { internal = false } = {}): Promise<AppSetting & { internalPort: number }> {
  return { app, port: await freePort(), internalPort: internal ? await freePort() : 0 };
}

interface Registered {
  setting: AppSetting;
  router: Router;
}

async function registered(rig: RouterRig, app: string, more: Partial<AppSetting> = {}): Promise<Registered> {
  const setting = { ...(await settingOf(app)), ...more };
  const router = rig.router(setting);
  await router.register();
  return { setting, router };
}

function limits(timeoutMs: number, streamTimeoutMs = timeoutMs): DrainLimits {
  return { timeoutMs, streamTimeoutMs, signal: new AbortController().signal };
}

async function unavailable(port: number): Promise<void> {
  const { status, headers } = await fetchOnce(port, '/');
  assert.equal(status, 503);
  assert.ok(headers['retry-after']);
}

async function refuses(port: number): Promise<void> {
  await until(() =>
    fetchOnce(port, '/').then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
    ),
  );
}

/** Rejects when the stream does not end properly. */
function openEvents(port: number): Promise<{ ended: Promise<unknown> }> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { host: '127.0.0.1', port, path: '/events', agent: false, headers: { Accept: 'text/event-stream' } },
      (response) => {
        const ended = once(response, 'end');
        response.resume();
        resolve({ ended });
      },
    );
    request.once('error', reject);
  });
}

async function says(port: number, wanted: string): Promise<boolean> {
  return await fetchOnce(port, '/').then(
    ({ body }) => body === wanted,
    () => false,
  );
}

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { RouterError } from '../../src/orchestrator/adapters/router/router-error.ts';
import type { Router, RouteTarget } from '../../src/orchestrator/ports.ts';
import { control, fetchOnce, freePort, startApp, until } from '../proxy/rig.ts';
import { type EmbeddedRig, startEmbeddedRig } from './suite/embedded-rig.ts';
import { testRouter } from './suite.ts';

/** Short enough to wait for, long enough for a busy machine. */
const ANSWER_LIMIT_MS = 1_500;

testRouter({ name: 'embedded', keepsStreams: true, tellsStreams: true, routes: true, mayReset: false }, startEmbeddedRig);

interface Rig extends Pick<EmbeddedRig, 'lines' | 'pid'> {
  dir: string;
  router(app: string, port: number, internalPort?: number): Router;
}

async function startRig(t: TestContext): Promise<Rig> {
  const { folder, lines, pid, router } = await startEmbeddedRig(t, { answerLimitMs: ANSWER_LIMIT_MS });
  return { dir: folder, lines, pid, router: (app, port, internalPort = 0) => router({ app, port, internalPort }) };
}

async function startInstance(t: TestContext, instance: string): Promise<RouteTarget> {
  const { host, port } = await startApp(t, instance, (_, response) => response.end(instance));
  return { instance, host, port, internalPort: 0 };
}

test('orchestrators that start at the same time share one proxy', async (t) => {
  const rig = await startRig(t);
  const ports = await Promise.all(Array.from({ length: 4 }, () => freePort()));
  const routers = ports.map((port, i) => rig.router(`app${i}`, port));
  await Promise.all(routers.map((router) => router.register()));
  const { body } = await control<ProxyStatus>(rig.dir, 'GET', '/');
  assert.equal(body.apps.length, 4);
  const started = (await readFile(join(rig.dir, 'proxy.log'), 'utf8')).match(/pid \d+ proxy .* runs in/g);
  assert.equal(started?.length, 1);
  await Promise.all(routers.slice(1).map((router) => router.deregister()));
  assert.equal((await fetchOnce(ports[0] ?? 0, '/')).status, 503);
});

test('an app that registers while the proxy ends gets the next one', async (t) => {
  const rig = await startRig(t);
  const [first, second] = [rig.router('a', await freePort()), rig.router('b', await freePort())];
  for (let round = 0; round < 3; round += 1) {
    await first.register();
    await Promise.all([first.deregister(), second.register()]);
    assert.equal(await second.current(), null);
    await second.deregister();
  }
});

test('a switch that the proxy dies under is carried out by the next one', async (t) => {
  const rig = await startRig(t);
  const port = await freePort();
  const router = rig.router('a', port);
  await router.register();
  const instances = await Promise.all(['i1', 'i2'].map((each) => startInstance(t, each)));
  for (let round = 0; round < 4; round += 1) {
    const pid = await rig.pid();
    const switching = Promise.all(instances.map((each) => router.switchTo(each)));
    process.kill(pid, 'SIGKILL');
    assert.deepEqual(
      (await switching).map((each) => each.ok),
      [true, true],
    );
    assert.equal(await router.current(), 'i2');
    assert.equal((await fetchOnce(port, '/')).body, 'i2');
  }
});

test('the route, and what is shown, are asserted again when the saved ones were lost', async (t) => {
  const rig = await startRig(t);
  const port = await freePort();
  const router = rig.router('a', port);
  await router.register();
  await router.switchTo(await startInstance(t, 'i1'));
  await router.preview({ token: 'abcdefghijklmnopqrstuv', target: await startInstance(t, 'i2') });
  await writeFile(join(rig.dir, 'routes.json'), 'rubbish');
  process.kill(await rig.pid(), 'SIGKILL');
  await until(() =>
    fetchOnce(port, '/').then(
      (answer) => answer.body === 'i1',
      () => false,
    ),
  );
  await until(async () => (await control<ProxyStatus>(rig.dir, 'GET', '/')).body.apps[0]?.preview === 'i2');
  await router.preview(null);
  assert.equal((await control<ProxyStatus>(rig.dir, 'GET', '/')).body.apps[0]?.preview, undefined);
  assert.equal(JSON.stringify(rig.lines).includes('abcdef'), false);
});

test('a proxy that cannot be started is a RouterError with its last words', async (t) => {
  const rig = await startRig(t);
  await writeFile(join(rig.dir, 'routes.json.new'), '');
  await rm(rig.dir, { recursive: true });
  await writeFile(rig.dir, 'not a folder');
  await assert.rejects(rig.router('shop', await freePort()).register(), RouterError);
});

test('closing leaves the proxy running; secrets of the starter do not reach it', async (t) => {
  process.env['GREENROOM_TEST_SECRET'] = 'hush';
  t.after(() => {
    delete process.env['GREENROOM_TEST_SECRET'];
  });
  const rig = await startRig(t);
  const port = await freePort();
  const router = rig.router('shop', port);
  await router.register();
  const pid = await rig.pid();
  assert.doesNotMatch(await readFile(`/proc/${pid}/environ`, 'utf8'), /hush/);
  const [, , , , session] = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '- - ').split(' ');
  assert.equal(Number(session), pid, 'a session of its own');
  router.close();
  const agent = new http.Agent({ keepAlive: false });
  assert.equal((await fetchOnce(port, '/', { agent })).status, 503);
});

test('a proxy that hangs is ended, and the switch takes place in a new one', async (t) => {
  const rig = await startRig(t);
  const port = await freePort();
  const router = rig.router('shop', port);
  await router.register();
  await router.switchTo(await startInstance(t, 'i1'));
  const hung = await rig.pid();
  process.kill(hung, 'SIGSTOP');
  assert.deepEqual(await router.switchTo(await startInstance(t, 'i2')), { ok: true, value: undefined });
  assert.notEqual(await rig.pid(), hung);
  assert.equal((await fetchOnce(port, '/')).body, 'i2');
  assert.match(rig.lines.join('\n'), new RegExp(`pid ${hung}\\) answered nothing`));

  // The same when an orchestrator is started beside a hung one.
  const second = await rig.pid();
  process.kill(second, 'SIGSTOP');
  const other = rig.router('blog', await freePort());
  await other.register();
  assert.equal(await other.current(), null);
  await until(async () => (await fetchOnce(port, '/').catch(() => null))?.body === 'i2');
});

test('a long drain is no hang', async (t) => {
  const rig = await startRig(t);
  const port = await freePort();
  const router = rig.router('shop', port);
  await router.register();
  const held = await startApp(t, 'i1', (_, response) => void response.write('begun'));
  await router.switchTo({ instance: 'i1', host: held.host, port: held.port, internalPort: 0 });
  const request = http.get({ host: '127.0.0.1', port, agent: false });
  request.on('error', () => request.destroy());
  await new Promise((resolve) => request.once('response', resolve));
  await router.switchTo(await startInstance(t, 'i2'));
  const pid = await rig.pid();
  const { signal } = new AbortController();
  const report = await router.drain('i1', { timeoutMs: ANSWER_LIMIT_MS * 2, streamTimeoutMs: 0, signal });
  assert.equal(report.abandonedRequests, 1);
  assert.equal(await rig.pid(), pid);
});

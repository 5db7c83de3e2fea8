import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { answers, fetchOnce, freePort, spawnProxy, startApp, startProxyRig, targetOf, until } from './rig.ts';

test('a killed proxy restores its routes from disk', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (_, response) => response.end('i1'));
  await proxy.route(targetOf(app));
  proxy.child.kill('SIGKILL');
  await once(proxy.child, 'exit');
  await assert.rejects(fetchOnce(proxy.port, '/'));
  const before = performance.now();
  const started = proxy.start();
  await until(() =>
    fetchOnce(proxy.port, '/').then(
      (answer) => answer.body === 'i1',
      () => false,
    ),
  );
  t.diagnostic(`answers again ${Math.round(performance.now() - before)} ms after the start of its process`);
  await started;
  const { body } = await proxy.control<ProxyStatus>('GET', '/');
  assert.deepEqual(body.apps, [
    {
      app: 'app',
      port: proxy.port,
      internal_port: proxy.internalPort,
      target: targetOf(app),
      in_flight: [{ instance: 'i1', requests: 0, streams: 0 }],
    },
  ]);
  assert.equal((await stat(join(proxy.dir, 'proxy.sock'))).mode & 0o777, 0o600);
  assert.equal((await stat(proxy.dir)).mode & 0o777, 0o700);
});

test('a log that nobody reads any more does not end the proxy', async (t) => {
  const proxy = await startProxyRig(t);
  assert.ok(proxy.child.stderr);
  proxy.child.stderr.destroy();
  await proxy.route(null);
  await proxy.route(null);
  assert.equal((await fetchOnce(proxy.port, '/')).status, 503);
});

test('a second proxy in the folder ends by itself and disturbs nothing', async (t) => {
  const proxy = await startProxyRig(t);
  const second = spawnProxy(proxy.dir);
  const [code] = await once(second, 'exit');
  assert.equal(code, 0);
  assert.equal((await proxy.control<ProxyStatus>('GET', '/')).body.pid, proxy.child.pid);
});

test('damaged routes are put aside and the proxy runs', async (t) => {
  const proxy = await startProxyRig(t);
  proxy.child.kill('SIGKILL');
  await once(proxy.child, 'exit');
  await writeFile(join(proxy.dir, 'routes.json'), '{"format":1,"apps":{"app":{"port":');
  await proxy.start();
  assert.deepEqual((await proxy.control<ProxyStatus>('GET', '/')).body.apps, []);
  assert.match(await readFile(join(proxy.dir, 'routes.json.damaged'), 'utf8'), /"port":$/);
  assert.equal((await proxy.control('PUT', '/apps/app', { port: proxy.port })).status, 200);
});

test('a registration is repeatable, may change ports, and keeps the route', async (t) => {
  const proxy = await startProxyRig(t);
  await proxy.route(targetOf(await startApp(t, 'i1', (_, response) => response.end('i1'))));
  assert.equal((await proxy.control('PUT', '/apps/app', { port: proxy.port, internal_port: proxy.internalPort })).status, 200);
  const port = await freePort();
  assert.equal((await proxy.control('PUT', '/apps/app', { port })).status, 200);
  assert.equal((await fetchOnce(port, '/')).body, 'i1');
  await assert.rejects(fetchOnce(proxy.port, '/'), /ECONNREFUSED/);
  await assert.rejects(fetchOnce(proxy.internalPort, '/'), /ECONNREFUSED/);
});

test('a port that is taken names both parties, and leaves things as they were', async (t) => {
  const proxy = await startProxyRig(t);
  const other = await proxy.control<{ code: string; error: string }>('PUT', '/apps/other', { port: proxy.internalPort });
  assert.equal(other.status, 409);
  assert.equal(other.body.code, 'port_in_use');
  assert.match(other.body.error, new RegExp(`port ${proxy.internalPort} .*app "other".*app "app"`));

  const squatter = await startApp(t, 'squatter', (_, response) => response.end());
  const taken = await proxy.control<{ code: string; error: string }>('PUT', '/apps/other', {
    port: await freePort(),
    internal_port: squatter.port,
  });
  assert.equal(taken.status, 409);
  assert.match(taken.body.error, new RegExp(`port ${squatter.port} .*app "other".*node.*pid ${process.pid}`));
  assert.equal((await proxy.control<ProxyStatus>('GET', '/')).body.apps.length, 1);
});

test('what is not understood is refused, and changes nothing', async (t) => {
  const proxy = await startProxyRig(t);
  const target = { instance: 'i', host: '127.0.0.1', port: 1 };
  const cases: [string, string, unknown, number, RegExp][] = [
    ['PUT', '/apps/x', { port: '80' }, 400, /"port" is "80"/],
    ['PUT', '/apps/x', { port: 70_000 }, 400, /port/],
    ['PUT', '/apps/x', { port: 5, internal_port: 5 }, 400, /internal_port/],
    ['PUT', '/apps/app/target', { ...target, host: '10.0.0.1' }, 400, /host/],
    ['PUT', '/apps/app/target', { ...target, instance: '' }, 400, /instance/],
    ['PUT', '/apps/app/target', undefined, 400, /JSON/],
    ['PUT', '/apps/nobody/target', target, 404, /"nobody" is not registered/],
    ['POST', '/apps/app/drain', { instance: 'i', timeout_ms: -1, stream_timeout_ms: 0 }, 400, /timeout_ms/],
    ['POST', '/apps/app/drain', { instance: 'i', timeout_ms: 2 ** 40, stream_timeout_ms: 0 }, 400, /timeout_ms/],
    ['DELETE', '/apps/nobody', undefined, 404, /nobody/],
    ['GET', '/nothing', undefined, 404, /nothing/],
    ['PUT', '/apps/%zz', { port: 1 }, 404, /zz/],
  ];
  for (const [method, path, body, status, error] of cases) {
    const answer = await proxy.control<{ error: string }>(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}`);
    assert.match(answer.body.error, error);
  }
  const { apps } = (await proxy.control<ProxyStatus>('GET', '/')).body;
  assert.deepEqual(
    apps.map((each) => [each.app, each.target]),
    [['app', null]],
  );
});

test('the proxy ends, and frees its ports, when its last app is deregistered; requests in flight are ended first', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (_, response) => setTimeout(() => response.end('late'), 500));
  await proxy.route(targetOf(app));
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const late = fetchOnce(proxy.port, '/', { agent });
  await until(async () => (await proxy.inFlight('i1')).requests === 1);
  const exited = once(proxy.child, 'exit');
  assert.equal((await proxy.control('DELETE', '/apps/app')).status, 200);
  await assert.rejects(fetchOnce(proxy.port, '/'), /ECONNREFUSED/);
  assert.equal((await late).body, 'late');
  assert.deepEqual(await exited, [0, null]);
  assert.equal(await answers(proxy.dir), false);
});

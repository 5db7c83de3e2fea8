import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ProxyAppBody, ProxyAppStatus } from '@greenroom/sdk/proxy';
import { createRouteTable, type SharedRoute } from '../../src/proxy/route-table.ts';
import { asTold, type Visitor } from '../../src/proxy/splice/forwarding.ts';
import { trustIn } from '../../src/proxy/trust.ts';
import { fetchOnce, freePort, type ProxyRig, startApp, startProxyRig, targetOf, until } from './rig.ts';

/** An app that says its name and where it was asked. */
async function serve(t: TestContext, rig: ProxyRig, name: string, body: Partial<ProxyAppBody>): Promise<ProxyAppBody> {
  const whole: ProxyAppBody = { port: await freePort(), ...body };
  const { status, body: answer } = await rig.control('PUT', `/apps/${name}`, whole);
  assert.equal(status, 200, JSON.stringify(answer));
  const app = await startApp(t, name, (request, response) => {
    response.end(request.url === '/headers' ? JSON.stringify(request.headers) : `${name} ${request.url}`);
  });
  await rig.control('PUT', `/apps/${name}/target`, targetOf(app));
  return whole;
}

async function ask(port: number, host: string, path = '/'): Promise<string> {
  const { status, body } = await fetchOnce(port, path, { headers: { Host: host } });
  return status === 200 ? body : String(status);
}

for (const workers of [1, 2]) {
  test(`apps share a port by host and path, with ${workers} processes, and after a kill`, async (t) => {
    const rig = await startProxyRig(t, workers);
    const shared = await freePort();
    await serve(t, rig, 'shop', { port_host: '127.0.0.1', routes: [{ port: shared, host: 'shop.example' }] });
    await serve(t, rig, 'admin', { port_host: '127.0.0.1', routes: [{ port: shared, host: 'shop.example', path: '/admin' }] });
    const check = async (): Promise<void> => {
      assert.equal(await ask(shared, 'shop.example', '/x'), 'shop /x');
      assert.equal(await ask(shared, 'SHOP.example.:80', '/admin/x?y'), 'admin /admin/x?y');
      assert.equal(await ask(shared, 'other.example'), '404');
      for (const path of ['/admin/../x', '/admin/%2e%2e/x', '/admin/a%2fb', '/admin/\\x'])
        assert.equal(await ask(shared, 'shop.example', path), '400', path);
      assert.equal(await ask(shared, 'shop.example', '/%61dmin/x'), 'shop /%61dmin/x');
    };
    await check();
    const stolen = await rig.control<{ code: string; error: string }>('PUT', '/apps/thief', {
      port: await freePort(),
      routes: [{ port: shared, host: 'shop.example', path: '/admin' }],
    });
    assert.equal(stolen.status, 409);
    assert.equal(stolen.body.code, 'route_taken');
    assert.match(stolen.body.error, /shop\.example\/admin on port \d+ is wanted by app "thief", but app "admin" has it/);
    rig.child.kill('SIGKILL');
    await once(rig.child, 'exit');
    await rig.start();
    await until(async () => (await ask(shared, 'shop.example').catch(() => '')) === 'shop /');
    await check();
    await rig.control('DELETE', '/apps/shop');
    assert.equal(await ask(shared, 'shop.example'), '404');
    assert.equal(await ask(shared, 'shop.example', '/admin'), 'admin /admin');
    await rig.control('DELETE', '/apps/admin');
    await assert.rejects(ask(shared, 'shop.example'), /ECONNREFUSED/);
  });
}

test('a switch of one app leaves the connections of others on the same port alone', async (t) => {
  const rig = await startProxyRig(t);
  const port = await freePort();
  for (const name of ['shop', 'blog']) await serve(t, rig, name, { port_host: '127.0.0.1', routes: [{ port, host: name }] });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const local = async (): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      http
        .get({ host: '127.0.0.1', port, agent, headers: { Host: 'blog' } }, (response) => {
          response.resume();
          response.once('end', () => resolve(response.socket?.localPort));
        })
        .once('error', reject);
    });
  const before = await local();
  const next = await startApp(t, 'i2', (_, response) => response.end('new shop'));
  await rig.control('PUT', '/apps/shop/target', targetOf(next));
  assert.equal(await ask(port, 'shop'), 'new shop');
  await rig.control('DELETE', '/apps/shop');
  assert.equal(await local(), before);
});

test('an own port becomes a shared one, and back', async (t) => {
  const rig = await startProxyRig(t);
  const [port, other] = [await freePort(), await freePort()];
  await serve(t, rig, 'shop', { port });
  assert.equal(await ask(port, 'any'), 'shop /');
  const move = async (body: ProxyAppBody): Promise<void> => assert.equal((await rig.control('PUT', '/apps/shop', body)).status, 200);
  await move({ port: other, port_host: '127.0.0.1', routes: [{ port, host: 'shop' }] });
  assert.equal(await ask(port, 'any'), '404');
  assert.equal(await ask(port, 'shop'), 'shop /');
  assert.equal(await ask(other, 'any'), 'shop /');
  await move({ port });
  assert.equal(await ask(port, 'any'), 'shop /');
  await move({ port, port_host: '127.0.0.1' });
  assert.equal(await ask(port, 'any'), 'shop /');
  await assert.rejects(fetchOnce(port, '/', { host: '127.0.0.2' }), /ECONNREFUSED/);

  const squatter = await startApp(t, 'squatter', () => undefined);
  const refused = await rig.control<{ code: string }>('PUT', '/apps/shop', { port: other, routes: [{ port }, { port: squatter.port }] });
  assert.equal(refused.body.code, 'port_in_use');
  assert.equal(await ask(port, 'any'), 'shop /', 'all as before');
  const twice = await rig.control<{ error: string }>('PUT', '/apps/late', { port: other, routes: [{ port }] });
  assert.match(twice.body.error, /wanted by app "late", but app "shop" has it/);
});

test('a body that says it wrong is refused, and the status says what counts', async (t) => {
  const rig = await startProxyRig(t);
  const port = await freePort();
  const wrong: [object, RegExp][] = [
    [{ routes: [{ port }] }, /"routes\[0\]\.port"/],
    [{ routes: [{ port: 80, host: 'A' }] }, /"routes\[0\]\.host"/],
    [{ routes: [{ port: 80, path: '/a/' }] }, /"routes\[0\]\.path"/],
    [{ routes: [{ port: 80 }, { port: 80 }] }, /"routes\[1\]"/],
    [{ port_host: '0.0.0.0' }, /"port_host"/],
    [{ trusted_proxies: ['10.0.0.0/33'] }, /"trusted_proxies"/],
  ];
  for (const [body, error] of wrong) {
    const answer = await rig.control<{ error: string }>('PUT', '/apps/wrong', { port, ...body });
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, error);
  }
  const right: ProxyAppBody = { port, port_host: '127.0.0.1', routes: [{ port: await freePort() }], trusted_proxies: ['::1'] };
  const { body } = await rig.control<ProxyAppStatus>('PUT', '/apps/right', right);
  assert.deepEqual(body, { app: 'right', ...right, target: null, in_flight: [] });
});

test('a trusted proxy is believed, by the app and by the chat', async (t) => {
  const rig = await startProxyRig(t);
  const socket = join(rig.dir, 'chat.sock');
  const chat = http.createServer((request, response) => response.end(JSON.stringify(request.headers))).listen(socket);
  t.after(() => chat.close());
  const { port } = await serve(t, rig, 'shop', { trusted_proxies: ['127.0.0.0/8'], chat: { path: '/chat', socket } });
  const headers = {
    Host: 'inner',
    'X-Forwarded-For': '198.51.100.1, 203.0.113.9',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'shop.example',
    'X-Real-IP': '198.51.100.1',
  };
  const told = async (path: string, sent: Record<string, string>): Promise<unknown> => {
    const got = JSON.parse((await fetchOnce(port, path, { headers: sent })).body) as Record<string, string>;
    return [got['host'], got['x-forwarded-for'], got['x-forwarded-proto'], got['x-forwarded-host'], got['x-real-ip']];
  };
  for (const path of ['/headers', '/chat']) {
    assert.deepEqual(await told(path, headers), ['inner', '203.0.113.9', 'https', 'shop.example', undefined]);
    assert.deepEqual(await told(path, { Host: 'inner' }), ['inner', '127.0.0.1', 'http', 'inner', undefined]);
  }
  await rig.control('PUT', '/apps/shop', { port, chat: { path: '/chat', socket } });
  for (const path of ['/headers', '/chat'])
    assert.deepEqual(await told(path, headers), ['inner', '127.0.0.1', 'http', 'inner', undefined], 'nobody is trusted any more');
});

test('who the visitor is by what trusted proxies say', () => {
  const peer: Visitor = { address: '10.0.0.1', proto: 'http', host: 'h' };
  const trusts = trustIn(['10.0.0.0/8', 'fd00::/8']);
  assert.ok(trusts);
  const address = (lines: string): string => asTold(peer, lines, trusts).address;
  assert.equal(address('X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nx-forwarded-for: 10.0.0.2\r\n'), '2.2.2.2');
  assert.equal(address('X-Forwarded-For: 1.1.1.1, nonsense, 10.0.0.2\r\n'), '10.0.0.2');
  assert.equal(address('X-Forwarded-For: 1.1.1.1:4711\r\n'), '1.1.1.1');
  assert.equal(address('X-Forwarded-For: [2001:db8::1]:4711\r\n'), '2001:db8::1');
  assert.equal(address('X-Forwarded-For: 2001:db8::1, fd00::1, ::ffff:10.0.0.3\r\n'), '2001:db8::1');
  assert.equal(address('X-Forwarded-For: 10.0.0.9\r\n'), '10.0.0.9');
  assert.equal(address('X_Forwarded_For: 1.1.1.1\r\n'), '10.0.0.1');
  assert.deepEqual(asTold(peer, 'X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: a b\r\n', trusts), peer);
  assert.equal(asTold({ ...peer, address: '9.9.9.9' }, 'X-Forwarded-For: 1.1.1.1\r\n', trusts).address, '9.9.9.9');
});

test('the most specific route', () => {
  const routes: Omit<SharedRoute, 'port'>[] = [
    { app: 1 },
    { app: 2, path: '/a' },
    { app: 3, path: '/a/b' },
    { app: 4, host: '*.x.y' },
    { app: 5, host: 'w.x.y', path: '/a' },
  ];
  const table = createRouteTable(routes.map((route) => ({ ...route, port: 80 })));
  const asked: [string, string, number][] = [
    ['', '/', 1],
    ['z', '/a', 2],
    ['z', '/a/b/c', 3],
    ['z', '/ab', 1],
    ['v.x.y', '/a', 4],
    ['u.v.x.y', '/', 1],
    ['x.y', '/', 1],
    ['W.X.Y:8080', '/a', 5],
    ['w.x.y', '/', 4],
    ['[::1]:80', '/', 1],
  ];
  for (const [host, path, app] of asked) assert.equal(table.find(host, path)?.app, app, `${host}${path}`);
  assert.equal(createRouteTable([{ app: 1, port: 80, host: 'a' }]).find('b', '/'), null);
});

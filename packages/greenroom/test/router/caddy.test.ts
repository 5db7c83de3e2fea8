import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { type CaddyAdmin, createCaddyAdmin } from '../../src/orchestrator/adapters/router/caddy/admin.ts';
import { applyRoutes } from '../../src/orchestrator/adapters/router/caddy/apply.ts';
import { routeId, type WantedRoute } from '../../src/orchestrator/adapters/router/caddy/own-route.ts';
import { createCaddyRouter } from '../../src/orchestrator/adapters/router/caddy/router.ts';
import { RouterError } from '../../src/orchestrator/adapters/router/router-error.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { fetchOnce, freePort, startApp, until } from '../proxy/rig.ts';
import { type OperatorConfig, startCaddyRig } from './suite/caddy-rig.ts';
import { servedOf } from './suite/rig.ts';
import { testRouter } from './suite.ts';

testRouter({ name: 'caddy by socket', keepsStreams: true, tellsStreams: true, routes: true, mayReset: false }, (t) =>
  startCaddyRig(t, { upstream: 'socket' }),
);

// Every change of Caddy's configuration closes its WebSockets, and idle connections in the moment that a client may use them.
testRouter({ name: 'caddy by port', keepsStreams: false, tellsStreams: false, routes: true, mayReset: true }, (t) =>
  startCaddyRig(t, { upstream: 'port' }),
);

const HOST = 'shop.example.com';
const bySocket = { upstream: 'socket' } as const;

test('a host is served by HTTPS with a certificate that Caddy gets, and plain HTTP leads there', async (t) => {
  const rig = await startCaddyRig(t, { ...bySocket, configure: useInternalCa });
  const setting = { app: 'shop', port: await freePort(), routes: [{ host: HOST }] };
  const router = rig.router(setting);
  await router.register();
  await router.switchTo(await rig.instance(setting, 'i1'));
  const root = join(rig.folder, 'data', 'caddy', 'pki', 'authorities', 'local', 'root.crt');
  await until(() => existsSync(root));
  const secure = async (): Promise<string> => await getSecure(rig.ports.https, await readFile(root));
  await until(async () => (await secure().catch(() => '')) === 'i1');
  await router.switchTo(await rig.instance(setting, 'i2'));
  assert.equal(await secure(), 'i2');
  const plain = await fetchOnce(rig.ports.http, '/x', { headers: { Host: HOST } });
  assert.equal(plain.status, 308);
  assert.match(plain.headers.location ?? '', new RegExp(`^https://${HOST}(:\\d+)?/x$`));
  assert.equal((await fetchOnce(setting.port, '/')).body, 'i2', 'and for this machine on its own port');

  // Where Caddy listens for plain HTTP already, to redirect.
  const other = { app: 'blog', port: await freePort(), routes: [{ host: 'blog.example.com', port: rig.ports.http }] };
  const blog = rig.router(other);
  await blog.register();
  await blog.switchTo(await rig.instance(other, 'b1'));
  assert.equal((await fetchOnce(rig.ports.http, '/', { headers: { Host: 'blog.example.com' } })).body, 'b1');
  assert.equal((await fetchOnce(rig.ports.http, '/x', { headers: { Host: HOST } })).status, 308);
});

test('beside what the operator serves on the same port, which stays theirs', async (t) => {
  const rig = await startCaddyRig(t, bySocket);
  const own = (host: string, path = '/') => fetchOnce(rig.ports.own, path, { headers: { Host: host } });
  const routes = [
    { host: HOST, port: rig.ports.own },
    { host: 'own.example.com', path: '/shop', port: rig.ports.own },
  ];
  const setting = { app: 'shop', port: await freePort(), routes };
  const before = await rig.operators();
  const router = rig.router(setting);
  await router.register();
  await router.switchTo(await rig.instance(setting, 'i1'));
  assert.equal((await own(HOST)).body, 'i1');
  assert.equal((await own('own.example.com')).body, "the operator's");
  assert.equal((await own('own.example.com', '/shop/x')).body, 'i1');
  assert.deepEqual(await rig.operators(), before);

  const refused = async (routesOfThief: typeof routes | [], port: number, expected: RegExp): Promise<void> => {
    const thief = rig.router({ app: 'thief', port, routes: routesOfThief });
    await assert.rejects(thief.register(), (error: Error) => error instanceof RouterError && expected.test(error.message));
  };
  await refused(
    [{ host: 'own.example.com', port: rig.ports.own }] as typeof routes,
    await freePort(),
    /own\.example\.com.*"thief".*the server "own"/,
  );
  await router.deregister();
  assert.equal((await own(HOST)).body, '');
  await refused([], rig.ports.own, /port \d+ .*"thief".*the server "own" of Caddy's own configuration/);
  assert.deepEqual(await rig.operators(), before);
});

test('writes back what it does not know, byte for byte', async (t) => {
  const rig = await startCaddyRig(t, bySocket);
  await rig.call('POST', '/config/apps/http/servers/own/idle_timeout', '31536000123456789');
  await rig.call('POST', '/config/apps/http/servers/own/routes/0/handle/0/body', '"\u00fc \u2028 <b> {x}"');
  const own = async (): Promise<string> => (await rig.call('GET', '/config/apps/http/servers/own')).text;
  const before = await own();
  const setting = { app: 'shop', port: await freePort(), routes: [{ host: HOST, port: rig.ports.own }] };
  const router = rig.router(setting);
  await router.register();
  assert.notEqual(await own(), before);
  await router.deregister();
  assert.equal(await own(), before);
});

test('an app that gets routes, or loses them, moves its port between this machine and everybody', async (t) => {
  const rig = await startCaddyRig(t, bySocket);
  const setting = { app: 'shop', port: await freePort() };
  const withRoutes = { ...setting, routes: [{ host: HOST, port: rig.routePort }] };
  const open = async (): Promise<boolean> =>
    await fetchOnce(setting.port, '/', { host: '127.0.0.2' }).then(
      ({ body }) => body === 'i1',
      () => false,
    );
  let router = rig.router(setting);
  await router.register();
  await router.switchTo(await rig.instance(setting, 'i1'));
  assert.equal(await open(), true);
  for (const [next, expected] of [
    [withRoutes, false],
    [setting, true],
  ] as const) {
    router.close();
    router = rig.router(next);
    await router.register();
    assert.equal(await open(), expected);
    assert.equal((await fetchOnce(setting.port, '/')).body, 'i1');
    const byHost = await fetchOnce(rig.routePort, '/', { headers: { Host: HOST } }).catch(() => null);
    assert.equal(byHost?.body === 'i1', !expected);
  }
});

test('orchestrators that start at the same time, while the operator changes something, all get their routes, once', async (t) => {
  const rig = await startCaddyRig(t, bySocket);
  const settings = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => ({
      app: `app${i}`,
      port: await freePort(),
      routes: [{ host: `app${i}.example.com`, port: rig.routePort }],
    })),
  );
  const expected = settings
    .map(servedOf)
    .flatMap(({ app, port }) => [routeId(app, port, 0), routeId(app, rig.routePort, 1)])
    .sort();
  const present = async (): Promise<string[]> => {
    const { text: config } = await rig.call('GET', '/config/apps/http/servers');
    return [...config.matchAll(/"@id":"(greenroom-app[^"]+)"/g)].map(([, id = '']) => id).sort();
  };
  const operator = (async () => {
    for (let i = 0; i < 10; i += 1)
      await rig.call('POST', '/config/apps/http/servers/own/routes/0/handle/0/body', `"${i}"`).catch(() => undefined);
  })();
  await Promise.all(settings.map((setting) => rig.router(setting).register()));
  await operator;
  assert.deepEqual(await present(), expected);
  for (const { port } of settings) assert.equal((await fetchOnce(port, '/')).status, 503);

  await rig.lose();
  await until(async () => (await present()).length >= expected.length);
  assert.deepEqual(await present(), expected, 'and after a reload they are put back, once');
});

test('a start that fails after Caddy has the routes takes them out, and leaves those of an earlier start', async (t) => {
  const rig = await startCaddyRig(t, bySocket);
  const admin = createCaddyAdmin(rig.admin);
  const routes = (app: string, port: number) => (): WantedRoute[] => [
    { id: routeId(app, port, 0), port, loopback: true, match: null, handle: [] },
  ];
  const failing = (): CaddyAdmin => {
    let written = false;
    return {
      ...admin,
      async write(...change) {
        written = true;
        return await admin.write(...change);
      },
      async read() {
        if (!written) return await admin.read();
        written = false;
        throw new RouterError('route_taken', 'somebody else has it now');
      },
    };
  };
  const [fresh, before, after] = [await freePort(), await freePort(), await freePort()];
  await applyRoutes(admin, 'old', routes('old', before));
  await assert.rejects(applyRoutes(failing(), 'shop', routes('shop', fresh)), /somebody else has it now/);
  await assert.rejects(applyRoutes(failing(), 'old', routes('old', after)), /somebody else has it now/);
  const { text: config } = await rig.call('GET', '/config/');
  assert.doesNotMatch(config, /greenroom-shop/);
  assert.match(config, /greenroom-old/);
});

test('a proxy in front is believed when the contract names it', async (t) => {
  const rig = await startCaddyRig(t, bySocket);
  const setting = { app: 'shop', port: await freePort(), trustedProxies: ['127.0.0.0/8'] };
  const router = rig.router(setting);
  await router.register();
  await router.switchTo(await rig.instance(setting, 'i1'));
  const headers = { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' };
  const told = JSON.parse((await fetchOnce(setting.port, '/headers', { headers })).body) as Record<string, string>;
  assert.equal(told['x-forwarded-for'], '203.0.113.9, 127.0.0.1');
  assert.equal(told['x-forwarded-proto'], 'https');
});

test('without a Caddy, or with something else in its place, it says what to do', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gr-caddy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const other = await startApp(t, 'other', (_, response) => response.end('<html>'));
  for (const [admin, expected] of [
    [`unix/${folder}/none.sock`, /Caddy does not answer at unix\/.*ENOENT.*Start Caddy/],
    [`http://127.0.0.1:${other.port}`, /What answers at http:.* is not Caddy's admin interface.*"admin" in "router"/],
  ] as const) {
    const router = createCaddyRouter({
      app: 'shop',
      port: await freePort(),
      routes: [],
      trustedProxies: [],
      layout: layoutOf(folder),
      admin,
      upstream: 'socket',
      log: () => undefined,
      patienceMs: 50,
    });
    await assert.rejects(router.register(), (error: Error) => error instanceof RouterError && expected.test(error.message));
  }
});

const ROOT = process.getuid?.() === 0;

test('a Caddy that cannot get to the sockets is named, with the folder, and gets no routes', { skip: !ROOT && 'needs root' }, async (t) => {
  const rig = await startCaddyRig(t, bySocket);
  const NOBODY = 65_534;
  await chown(rig.admin.slice('unix/'.length), NOBODY, NOBODY);
  const setting = { app: 'shop', port: await freePort() };
  await assert.rejects(rig.router(setting).register(), (error: Error) => {
    assert.ok(error instanceof RouterError, error.stack);
    assert.match(
      error.message,
      new RegExp(
        `Caddy .user id ${NOBODY}. cannot reach.*may not pass through ${rig.folder}.*Allow it with: chmod o.x ${rig.folder}.*install -d -m 711`,
      ),
    );
    return true;
  });
  await assert.rejects(fetchOnce(setting.port, '/'), /ECONNREFUSED/);
  await chmod(rig.folder, 0o755);
  await rig.router(setting).register();
});

/** Certificates by a CA of Caddy's own, as `tls internal` does, which no trust store of this machine hears of. */
function useInternalCa(config: OperatorConfig): void {
  config.apps['tls'] = { automation: { policies: [{ issuers: [{ module: 'internal' }] }] } };
  config.apps['pki'] = { certificate_authorities: { local: { install_trust: false } } };
}

function getSecure(port: number, ca: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { Host: HOST };
    const asked = https.get({ host: '127.0.0.1', port, servername: HOST, ca, headers, agent: false }, (answer) => resolve(text(answer)));
    asked.on('error', reject);
  });
}

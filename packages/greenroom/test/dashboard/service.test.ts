import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DashboardLogin } from '@greenroom/sdk/dashboard';
import { serveDashboard } from '../../src/dashboard/serve.ts';
import { createLinkToken, createSessions, LINK_MINUTES } from '../../src/dashboard/sessions.ts';
import { openAssets } from '../../src/ui-files.ts';
import { type Answer, ask } from '../e2e/ask.ts';

const SECRET = 'a secret of this run';

interface Rig {
  port: number;
  origin: string;
  /** A call as the page makes it; `headers` win, and an empty one is not sent. */
  call(method: string, path: string, headers?: Record<string, string>, body?: unknown): Promise<Answer>;
  /** Lets in whoever makes calls from now on. */
  login(token?: string): Promise<Answer>;
}

async function open(t: TestContext): Promise<Rig> {
  const dashboard = await serveDashboard({
    port: 0,
    secret: SECRET,
    assets: openAssets('dashboard'),
    registered: () => Promise.resolve({ apps: [], broken: [] }),
    log: (message) => t.diagnostic(message),
  });
  t.after(() => dashboard.close());
  const origin = `http://127.0.0.1:${dashboard.port}`;
  let session: Record<string, string> = {};
  const rig: Rig = {
    port: dashboard.port,
    origin,
    call(method, path, headers = {}, body) {
      const own = { origin, 'sec-fetch-site': 'same-origin', ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      const all = Object.entries({ ...own, ...session, ...headers }).filter(([, value]) => value !== '');
      return ask({ port: dashboard.port, method, path, headers: Object.fromEntries(all), body });
    },
    async login(token = createLinkToken(SECRET)) {
      const answer = await rig.call('POST', '/api/login', {}, { token });
      if (answer.status === 200) {
        const [cookie = ''] = [answer.headers['set-cookie'] ?? []].flat();
        session = { cookie: cookie.split(';')[0] ?? '', 'x-greenroom-key': (JSON.parse(answer.body) as DashboardLogin).key };
      }
      return answer;
    },
  };
  return rig;
}

test('a link lets one browser in, once; cookie and key are both needed', async (t) => {
  const rig = await open(t);
  const closed = await rig.call('GET', '/api/apps');
  assert.deepEqual([closed.status, (JSON.parse(closed.body) as { code: string }).code], [401, 'unauthorized']);
  const token = createLinkToken(SECRET);
  const answer = await rig.login(token);
  assert.equal(answer.status, 200, answer.body);
  const [cookie = ''] = [answer.headers['set-cookie'] ?? []].flat();
  assert.match(cookie, new RegExp(`^greenroom_dashboard_${rig.port}=[\\w-]{43}; Path=/api; HttpOnly; SameSite=Strict$`));
  assert.equal((await rig.call('GET', '/api/apps')).body, '[]');
  assert.equal((await rig.call('GET', '/api/apps', { 'x-greenroom-key': '' })).status, 401);
  assert.equal((await rig.call('GET', '/api/apps', { cookie: '' })).status, 401);
  assert.equal((await rig.call('GET', '/api/stream', { 'x-greenroom-key': 'x'.repeat(43) })).status, 401);
  for (const bad of [
    token,
    createLinkToken('another secret'),
    createLinkToken(SECRET, Date.now() - (LINK_MINUTES + 1) * 60_000),
    '',
    'a.b.c',
  ]) {
    const again = await rig.call('POST', '/api/login', {}, { token: bad });
    assert.equal(again.status, 401, bad);
    assert.match(again.body, /greenroom dashboard/);
  }
  assert.equal((await rig.call('POST', '/api/logout', {}, {})).status, 200);
  assert.equal((await rig.call('GET', '/api/apps')).status, 401);
});

test('nothing is served to names and pages of others', async (t) => {
  const rig = await open(t);
  await rig.login();
  for (const host of ['evil.example', `evil.example:${rig.port}`, '127.0.0.1.evil.example', '0.0.0.0', '[::]', '127.0.0.1:80:80']) {
    for (const path of ['/', '/dashboard.js', '/api/apps', '/api/login', '/nothing']) {
      const { status } = await ask({ port: rig.port, path, headers: { host } });
      assert.ok(status === 403 || status === 400, `${host} ${path}: ${status}`);
    }
  }
  assert.equal((await rig.call('GET', '/', { host: `localhost:${rig.port}` })).status, 200);

  const foreign = [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    // The app on another port of this machine: the same site, but another origin.
    { origin: 'http://127.0.0.1:3000' },
    { origin: `http://localhost:${rig.port}` },
    { 'sec-fetch-site': 'same-site', origin: '' },
    { 'sec-fetch-site': 'cross-site', origin: '' },
    { 'sec-fetch-site': 'none', origin: '' },
  ];
  for (const headers of foreign) {
    for (const [method, path] of [
      ['GET', '/api/apps'],
      ['GET', '/api/stream'],
      ['POST', '/api/login'],
      ['POST', '/api/apps/shop/rollback'],
    ] as const) {
      const answer = await rig.call(method, path, headers, method === 'POST' ? { to: 'x' } : undefined);
      assert.equal(answer.status, 403, `${JSON.stringify(headers)} ${path}: ${answer.body}`);
    }
  }
  for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    assert.equal((await rig.call('POST', '/api/apps/shop/thaw', { 'content-type': type }, '{}')).status, 403, type);
});

test('pages and answers come with strict headers, and what is not understood is refused in sentences', async (t) => {
  const rig = await open(t);
  const page = await rig.call('GET', '/');
  assert.equal(page.status, 200);
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/);
  assert.equal(page.headers['x-frame-options'], 'DENY');
  const tag = String(page.headers['etag']);
  assert.equal((await rig.call('GET', '/', { 'if-none-match': tag })).status, 304);
  for (const path of ['/chat.js', '/dashboard.ts', '/assets/../dashboard.js', '/assets/x/store.js', '/..%2fpackage.json'])
    assert.equal((await rig.call('GET', path)).status, path === '/assets/../dashboard.js' ? 200 : 404, path);

  await rig.login();
  const apps = await rig.call('GET', '/api/apps');
  assert.equal(apps.headers['cache-control'], 'no-store');
  assert.match(String(apps.headers['content-security-policy']), /^default-src 'none'/);
  const bodies: [string, unknown, number][] = [
    ['/api/apps/shop/deploy', {}, 400],
    ['/api/apps/shop/deploy', { commit: 'a', branch: 'b' }, 400],
    ['/api/apps/shop/deploy', '{', 400],
    ['/api/apps/shop/freeze', { scope: 'all', reason: ' ' }, 400],
    ['/api/apps/shop/deploy', { branch: 'main' }, 404],
    ['/api/apps/..%2f..%2fetc/deploy', { branch: 'main' }, 404],
    ['/api/apps/shop/deploy', { branch: 'x'.repeat(70_000) }, 413],
    ['/api/apps/shop/explode', {}, 404],
  ];
  for (const [path, body, status] of bodies) {
    const answer = await rig.call('POST', path, {}, body);
    assert.equal(answer.status, status, `${path} ${answer.body.slice(0, 200)}`);
    assert.match((JSON.parse(answer.body) as { error: string }).error, /^.+\.$/);
  }
});

test('a session ends a day after its last use', () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const sessions = createSessions(SECRET, () => now);
  const session = sessions.begin(createLinkToken(SECRET, now));
  assert.ok(session);
  now += 23 * 3_600_000;
  assert.equal(sessions.holds(session), true);
  now += 23 * 3_600_000;
  assert.equal(sessions.holds(session), true);
  now += 25 * 3_600_000;
  assert.equal(sessions.holds(session), false);
  assert.equal(sessions.holds({}), false);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ProxyStatus, ProxyTarget } from '@greenroom/sdk/proxy';
import { fetchOnce, type ProxyRig, rawExchange, startApp, startProxyRig, targetOf, until } from './rig.ts';

const TOKEN = 'abcdefghijklmnopqrstuv';
const OTHER = 'abcdefghijklmnopqrstuw';

test('whoever opens the address sees the candidate, everybody else the live instance', async (t) => {
  const { proxy, cookie } = await openPreview(t);
  const opened = await fetchOnce(proxy.port, `/.greenroom/preview/${TOKEN}`);
  assert.deepEqual([opened.status, opened.headers.location, opened.body], [303, '/', '']);
  assert.deepEqual(opened.headers['set-cookie'], [`${cookie}=${TOKEN}; Path=/; HttpOnly; SameSite=Lax`]);
  assert.deepEqual([opened.headers['cache-control'], opened.headers['referrer-policy']], ['no-store', 'no-referrer']);
  const visit = async (Cookie?: string) => await fetchOnce(proxy.port, '/page', Cookie === undefined ? {} : { headers: { Cookie } });
  assert.equal((await visit()).body, 'live -');
  assert.equal((await visit(`${cookie}=${TOKEN}`)).body, 'candidate -');
  assert.equal((await visit(`${cookie}=${TOKEN}`)).headers['set-cookie'], undefined);
  assert.deepEqual((await visit('other=1')).headers['set-cookie'], ['app=1']);
  const left = await fetchOnce(proxy.port, '/.greenroom/preview/leave', { headers: { Cookie: `${cookie}=${TOKEN}` } });
  assert.deepEqual([left.status, left.headers.location], [303, '/']);
  assert.match(String(left.headers['set-cookie']), new RegExp(`^${cookie}=; Path=/; .*Max-Age=0$`));
});

test('the cookie stays with the proxy, all others come through byte by byte', async (t) => {
  const { proxy, cookie } = await openPreview(t);
  const mine = `${cookie}=${TOKEN}`;
  const cases: [sent: string, got: string][] = [
    [mine, 'candidate -'],
    [`a="x y";  b==%20; ${mine}; ünï=ü`, 'candidate a="x y";  b==%20; ünï=ü'],
    [`${mine};a=1`, 'candidate a=1'],
    [`a=1;${mine}`, 'candidate a=1'],
    [`a=1; ${mine}; ${mine};`, 'candidate a=1;'],
    [`a=1; x${mine}`, `live a=1; x${mine}`],
    [`a=${mine}`, `live a=${mine}`],
    [`a=1; greenroom_preview_1=${TOKEN}`, 'live a=1'],
    ['a=1', 'live a=1'],
  ];
  for (const [sent, got] of cases) {
    const bytes = `GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: ${sent}\r\n\r\n`;
    const answer = await rawExchange(proxy.port, Buffer.from(bytes).toString('latin1'));
    assert.equal(Buffer.from(answer, 'latin1').toString().split('\r\n\r\n').slice(1).join().trim(), got, sent);
  }
});

test('a wrong token shows nothing, and an old cookie is taken back', async (t) => {
  const { proxy, cookie } = await openPreview(t);
  for (const token of [OTHER, TOKEN.slice(1), `${TOKEN}x`, '', 'live', '%61bcdefghijklmnopqrstuv'])
    assert.equal((await fetchOnce(proxy.port, `/.greenroom/preview/${token}`)).status, 410, token);
  for (const value of [OTHER, '', `${TOKEN}x`]) {
    const answer = await fetchOnce(proxy.port, '/', { headers: { Cookie: `a=1; ${cookie}=${value}` } });
    assert.equal(answer.body, 'live a=1');
    assert.match(String(answer.headers['set-cookie']), new RegExp(`(^|,)app=1,${cookie}=; .*Max-Age=0$`));
  }
  await proxy.control('PUT', '/apps/app/preview', null);
  assert.equal((await fetchOnce(proxy.port, '/', { headers: { Cookie: `${cookie}=${TOKEN}` } })).body, 'live -');
  assert.equal((await fetchOnce(proxy.port, `/.greenroom/preview/${TOKEN}`)).status, 410);
  assert.equal((await fetchOnce(proxy.port, '/.greenroom/preview/leave')).status, 303);
  await proxy.route(null);
  assert.equal((await fetchOnce(proxy.port, '/', { headers: { Cookie: `${cookie}=${TOKEN}` } })).status, 503);
});

test('the preview is not on the internal port, and there is none without a chat path', async (t) => {
  const { proxy, cookie, register } = await openPreview(t);
  const headers = { Cookie: `${cookie}=${TOKEN}` };
  assert.equal((await fetchOnce(proxy.internalPort, '/', { headers })).body, `live ${headers.Cookie}`);
  await register(false);
  assert.equal((await fetchOnce(proxy.port, '/', { headers })).body, `live ${headers.Cookie}`);
});

test('requests of a preview are in flight to the candidate: a drain waits for them, and a promotion does not disturb them', async (t) => {
  const { proxy, cookie, candidate, live, release } = await openPreview(t);
  const headers = { Cookie: `${cookie}=${TOKEN}` };
  // Idle in between: what is shown is not forgotten.
  assert.equal((await fetchOnce(proxy.port, '/', { headers })).body, 'candidate -');
  const held = fetchOnce(proxy.port, '/held', { headers });
  await until(async () => (await proxy.inFlight('candidate')).requests === 1);
  assert.equal((await proxy.inFlight('live')).requests, 0);
  await proxy.control('PUT', '/apps/app/preview', null);
  let drained = false;
  const draining = proxy.drain('candidate', 10_000).then((it) => {
    drained = true;
    return it;
  });
  assert.equal((await fetchOnce(proxy.port, '/', { headers })).body, 'live -');
  assert.equal(drained, false);
  release();
  assert.equal((await held).body, 'candidate held');
  assert.deepEqual(await draining, { drained: true, closed_streams: 0, abandoned_requests: 0 });
  assert.deepEqual(
    (await proxy.control<ProxyStatus>('GET', '/')).body.apps[0]?.in_flight.map((it) => it.instance),
    ['live'],
    'the candidate is forgotten',
  );

  await proxy.control('PUT', '/apps/app/preview', { token: TOKEN, target: candidate });
  const during = fetchOnce(proxy.port, '/held', { headers });
  await until(async () => (await proxy.inFlight('candidate')).requests === 1);
  await proxy.route(candidate);
  await proxy.control('PUT', '/apps/app/preview', null);
  assert.deepEqual(await proxy.drain('live', 1_000), { drained: true, closed_streams: 0, abandoned_requests: 0 });
  release();
  assert.equal((await during).body, 'candidate held');
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'candidate -');
  assert.notEqual(live.port, candidate.port);
});

test('a preview survives a kill of the proxy, in a file of its owner’s only, and is in no log', async (t) => {
  const { proxy, cookie, logged } = await openPreview(t);
  proxy.child.kill('SIGKILL');
  await once(proxy.child, 'exit');
  await proxy.start();
  proxy.child.stderr?.on('data', logged.add);
  assert.equal((await fetchOnce(proxy.port, '/', { headers: { Cookie: `${cookie}=${TOKEN}` } })).body, 'candidate -');
  assert.equal((await proxy.control<ProxyStatus>('GET', '/')).body.apps[0]?.preview, 'candidate');
  const routes = join(proxy.dir, 'routes.json');
  assert.equal((await stat(routes)).mode & 0o777, 0o600);
  await proxy.control('PUT', '/apps/app/preview', null);
  assert.doesNotMatch(await readFile(routes, 'utf8'), new RegExp(TOKEN));
  assert.equal((await proxy.control<ProxyStatus>('GET', '/')).body.apps[0]?.preview, undefined);
  assert.match(logged.text(), /shows instance candidate/);
  assert.doesNotMatch(logged.text() + JSON.stringify((await proxy.control('GET', '/')).body), new RegExp(TOKEN));
});

test('a candidate that is gone is 503, and what is not understood is refused without repeating the token', async (t) => {
  const { proxy, cookie, candidate } = await openPreview(t);
  const nobody = { ...candidate, port: 1 };
  assert.equal((await proxy.control('PUT', '/apps/app/preview', { token: TOKEN, target: nobody })).status, 200);
  assert.equal((await fetchOnce(proxy.port, '/', { headers: { Cookie: `${cookie}=${TOKEN}` } })).status, 503);
  for (const body of [
    { token: 'short', target: candidate },
    { token: `${TOKEN}; x`, target: candidate },
    { token: TOKEN },
    { target: candidate },
    'x',
  ]) {
    const answer = await proxy.control<{ error: string }>('PUT', '/apps/app/preview', body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.doesNotMatch(answer.body.error, /short|abcdef/);
  }
  assert.equal((await proxy.control('PUT', '/apps/nobody/preview', null)).status, 404);
});

interface PreviewRig {
  proxy: ProxyRig;
  cookie: string;
  live: ProxyTarget;
  candidate: ProxyTarget;
  /** Lets the requests for `/held` that are there end. */
  release(): void;
  register(withChat: boolean): Promise<void>;
  logged: { add(chunk: Buffer): void; text(): string };
}

/** Both instances say who they are and which cookies they got. */
async function openPreview(t: TestContext): Promise<PreviewRig> {
  const proxy = await startProxyRig(t);
  let log = '';
  const add = (chunk: Buffer): void => {
    log += chunk.toString();
  };
  const logged = { add, text: () => log };
  proxy.child.stderr?.on('data', logged.add);
  const waiting: (() => void)[] = [];
  const start = async (name: string): Promise<ProxyTarget> =>
    targetOf(
      await startApp(t, name, (request, response) => {
        if (request.url === '/held') waiting.push(() => response.end(`${name} held`));
        else response.setHeader('Set-Cookie', name === 'live' ? ['app=1'] : []).end(`${name} ${cookiesOf(request.headers)}`);
      }),
    );
  const [live, candidate] = [await start('live'), await start('candidate')];
  await proxy.route({ ...live, internal_port: live.port });
  const register = async (withChat: boolean): Promise<void> => {
    const chat = withChat ? { chat: { path: '/.greenroom', socket: join(proxy.dir, 'chat.sock') } } : {};
    const { status } = await proxy.control('PUT', '/apps/app', { port: proxy.port, internal_port: proxy.internalPort, ...chat });
    assert.equal(status, 200);
  };
  await register(true);
  assert.equal((await proxy.control('PUT', '/apps/app/preview', { token: TOKEN, target: candidate })).status, 200);
  const release = (): void => {
    for (const end of waiting.splice(0)) end();
  };
  return { proxy, cookie: `greenroom_preview_${proxy.port}`, live, candidate, release, register, logged };
}

const cookiesOf = ({ cookie }: IncomingHttpHeaders): string => (cookie === undefined ? '-' : Buffer.from(cookie, 'latin1').toString());

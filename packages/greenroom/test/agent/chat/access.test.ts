import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createTokens, MIN_TOKEN_CHARACTERS, tokenProblems } from '../../../src/agent/chat.ts';
import { ADA, APPROVE_TOKEN, BOB, CHAT_TOKEN, codeOf, openRig, openStream, PATH, type Rig, type Where } from './rig.ts';

/** Every call that needs a caller, with what makes it a right one, and whether it needs `can_approve`. */
const CALLS: { method: string; path: (conversation: string) => string; body?: (conversation: string) => object; decides?: true }[] = [
  { method: 'GET', path: () => '/api/session' },
  { method: 'GET', path: () => '/api/conversations' },
  { method: 'POST', path: () => '/api/conversations', body: () => ({ title: 'x' }) },
  { method: 'PATCH', path: (id) => `/api/conversations/${id}`, body: () => ({ title: 'y' }) },
  { method: 'GET', path: (id) => `/api/conversations/${id}/events` },
  { method: 'HEAD', path: (id) => `/api/conversations/${id}/stream` },
  { method: 'POST', path: (id) => `/api/conversations/${id}/messages`, body: () => ({ id: 'm1', text: 'do it' }) },
  { method: 'POST', path: () => '/api/turns/t0/cancel' },
  { method: 'POST', path: () => '/api/turns/t0/continue' },
  { method: 'POST', path: () => '/api/permissions/p0', body: () => ({ option: 'yes' }) },
  { method: 'POST', path: () => '/api/attempts/d9/approve', decides: true },
  { method: 'POST', path: () => '/api/attempts/d9/deny', body: () => ({ reason: 'no' }), decides: true },
  { method: 'POST', path: () => '/api/rollback', body: (id) => ({ conversation: id }), decides: true },
  { method: 'DELETE', path: (id) => `/api/conversations/${id}` },
];

/** What each call is answered with: `in`, `chat` (in, but not to decide), or the refusal of all of them. */
async function matrix(rig: Rig, where: Where, headers: Record<string, string> = {}): Promise<string> {
  const seen = new Set<string>();
  for (const { method, path, body, decides } of CALLS) {
    const id = rig.conversation();
    const answer = await rig.call(where, method, path(id), { headers, ...(body ? { body: body(id) } : {}) });
    const refusal =
      method === 'HEAD' ? { 401: 'unauthorized', 403: 'forbidden' }[answer.status] : answer.status < 400 ? '' : codeOf(answer);
    const in_ = !refusal || refusal === 'not_found' || refusal === 'conflict';
    seen.add(in_ ? (decides ? 'in' : 'call') : decides && refusal === 'forbidden' ? 'no decision' : String(refusal));
  }
  const found = [...seen].sort().join(' ');
  return { 'call in': 'in', 'call no decision': 'chat', 'forbidden no decision': 'forbidden' }[found] ?? found;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('every call, by every way in', async (t) => {
  const rig = await openRig(t, { tokens: { chat: CHAT_TOKEN, approve: APPROVE_TOKEN }, tcp: 'closed' });
  assert.equal(await matrix(rig, ADA), 'in');
  assert.equal(await matrix(rig, BOB), 'chat');
  const cookies = { chat: await logIn(rig, CHAT_TOKEN), approve: await logIn(rig, APPROVE_TOKEN) };
  for (const where of ['proxy', 'tcp'] as const) {
    assert.equal(await matrix(rig, where), 'unauthorized');
    assert.equal(await matrix(rig, where, bearer(CHAT_TOKEN)), 'chat');
    assert.equal(await matrix(rig, where, bearer(APPROVE_TOKEN)), 'in');
    const { status } = await rig.call(where, 'GET', '/api/session', { headers: bearer(`${APPROVE_TOKEN}x`) });
    assert.equal(status, 401);
    assert.equal(await matrix(rig, where, { cookie: `a=b; ${cookies.chat}` }), 'chat');
    assert.equal(await matrix(rig, where, { cookie: `greenroom_chat=forged; ${cookies.approve}` }), 'in');
    assert.equal(await matrix(rig, where, { cookie: cookies.approve.replace('approve.', 'approve.0') }), 'unauthorized');
    assert.equal(await matrix(rig, where, { cookie: cookies.chat.replace('chat.', 'approve.') }), 'unauthorized');
    // What names a caller is the app's to send, whoever else proves themselves.
    const named = { 'x-greenroom-caller': Buffer.from(JSON.stringify(ADA)).toString('base64url') };
    assert.equal(await matrix(rig, where, { ...named, ...bearer(APPROVE_TOKEN) }), 'forbidden');
  }
});

test('nothing says who may chat: nobody may, but the app', async (t) => {
  const rig = await openRig(t);
  assert.equal(await matrix(rig, 'proxy'), 'unauthorized');
  assert.equal(await matrix(rig, 'proxy', bearer(CHAT_TOKEN)), 'unauthorized');
  const answer = await rig.call('proxy', 'GET', '/api/session');
  assert.equal(JSON.parse(answer.body).login, undefined);
  assert.equal((await rig.call('proxy', 'POST', '/api/login', { body: { token: CHAT_TOKEN } })).status, 404);
  assert.equal(await matrix(rig, ADA), 'in');
});

test('the app names its callers; what it says wrong is refused', async (t) => {
  const rig = await openRig(t, { tokens: { chat: CHAT_TOKEN } });
  const session = JSON.parse((await rig.call(BOB, 'GET', '/api/session')).body);
  assert.deepEqual(session, {
    user: BOB.user,
    can_approve: false,
    app: 'shop',
    agent: 'Scripted',
    scripted: true,
    approval: true,
    login: false,
  });
  const headers = (value: string) => ({ headers: { 'x-greenroom-caller': value } });
  const encoded = (value: unknown) => headers(Buffer.from(JSON.stringify(value)).toString('base64url'));
  for (const wrong of [
    headers('%%%'),
    encoded(null),
    encoded({ user: { id: '', name: 'x' } }),
    encoded({ user: { id: 'a' } }),
    encoded([]),
  ]) {
    assert.equal((await rig.call(ADA, 'GET', '/api/session', wrong)).status, 400);
  }
  // On its socket a token lets nobody in, and nobody has to be let in by one.
  const { status } = await rig.call('proxy', 'GET', '/api/session', { headers: bearer(CHAT_TOKEN) });
  assert.equal(status, 200);
  const named = await rig.call({ user: { id: 'x', name: 'A\u001b[31m\u202eda\nB' }, approve: false }, 'GET', '/api/session');
  assert.equal(JSON.parse(named.body).user.name, 'Ada B');
});

test('one token alone lets chat and approve; another one ends its log-ins', async (t) => {
  const rig = await openRig(t, { tokens: { chat: CHAT_TOKEN } });
  const cookie = await logIn(rig, CHAT_TOKEN);
  assert.equal(await matrix(rig, 'proxy', { cookie }), 'in');
  const value = cookie.slice('greenroom_chat='.length);
  assert.equal(createTokens({ chat: CHAT_TOKEN, approve: '' })?.callerOfCookie(value)?.approve, true);
  assert.equal(createTokens({ chat: CHAT_TOKEN, approve: APPROVE_TOKEN })?.callerOfCookie(value)?.approve, false);
  assert.equal(createTokens({ chat: `${CHAT_TOKEN}2`, approve: '' })?.callerOfCookie(value), null);
  const inAMonth = () => Date.now() + 31 * 86_400_000;
  assert.equal(createTokens({ chat: CHAT_TOKEN, approve: '' }, inAMonth)?.callerOfCookie(value), null);
});

test('weak tokens are refused with sentences that do not show them', () => {
  const weak = 'x'.repeat(MIN_TOKEN_CHARACTERS - 1);
  const problems = [
    ...tokenProblems({ chat: weak, approve: '' }),
    ...tokenProblems({ chat: CHAT_TOKEN, approve: CHAT_TOKEN }),
    ...tokenProblems({ chat: '', approve: weak }),
  ];
  assert.equal(problems.length, 3);
  for (const problem of problems) assert.ok(!problem.includes(weak) && !problem.includes(CHAT_TOKEN), problem);
  assert.deepEqual(tokenProblems({ chat: CHAT_TOKEN, approve: APPROVE_TOKEN }), []);
});

test('a cookie for this chat alone, out of reach of scripts; a link leads to pages of this origin only', async (t) => {
  const rig = await openRig(t, { tokens: { chat: CHAT_TOKEN } });
  const posted = await rig.call('proxy', 'POST', '/api/login', { body: { token: CHAT_TOKEN } });
  assert.equal(posted.status, 204);
  assert.match(cookieOf(posted.headers), /^greenroom_chat=chat\.\S+; Max-Age=2592000; Path=\/\.greenroom; HttpOnly; SameSite=Strict$/);
  const https = await rig.call('proxy', 'POST', '/api/login', { body: { token: CHAT_TOKEN }, headers: { 'x-forwarded-proto': 'https' } });
  assert.match(cookieOf(https.headers), /; Secure/);
  const session = await rig.call('proxy', 'GET', '/api/session', { headers: { cookie: cookieOf(posted.headers).split(';')[0] ?? '' } });
  assert.equal(JSON.parse(session.body).login, true);
  const out = await rig.call('proxy', 'POST', '/api/logout');
  assert.match(cookieOf(out.headers), /^greenroom_chat=; Max-Age=0; Path=\/\.greenroom/);

  const link = (next: string) => rig.call('proxy', 'GET', `/login?token=${CHAT_TOKEN}&next=${encodeURIComponent(next)}`);
  assert.equal((await link('/shop?a=1#b')).headers['location'], '/shop?a=1#b');
  for (const next of [
    '',
    'https://elsewhere.example/',
    '//elsewhere.example',
    '/\\elsewhere.example',
    '/.//elsewhere.example',
    'javascript:alert(1)',
    '/\t/elsewhere.example',
  ]) {
    const answer = await link(next);
    assert.deepEqual([answer.status, answer.headers['location']], [303, `${PATH}/`], next);
    assert.match(cookieOf(answer.headers), /^greenroom_chat=chat\./);
  }
  const wrong = await rig.call('proxy', 'GET', '/login?token=wrong');
  assert.deepEqual([wrong.status, cookieOf(wrong.headers)], [401, '']);
  assert.equal(wrong.headers['referrer-policy'], 'no-referrer');
});

test('wrong tokens are counted by address, right ones are not', async (t) => {
  const rig = await openRig(t, { tokens: { chat: CHAT_TOKEN } });
  const from = (address: string, token: string) =>
    rig.call('proxy', 'POST', '/api/login', { body: { token }, headers: { 'x-forwarded-for': address } });
  for (let times = 0; times < 15; times += 1) assert.equal((await from('192.0.2.1', CHAT_TOKEN)).status, 204);
  for (let times = 0; times < 10; times += 1) {
    const answer = await from('192.0.2.1', 'wrong');
    assert.deepEqual([answer.status, JSON.parse(answer.body).login], [401, true]);
  }
  const limited = await from('192.0.2.1', CHAT_TOKEN);
  assert.deepEqual([limited.status, codeOf(limited)], [429, 'rate_limited']);
  assert.ok(Number(limited.headers['retry-after']) >= 1);
  const bearing = (address: string, token: string) =>
    rig.call('proxy', 'GET', '/api/session', { headers: { ...bearer(token), 'x-forwarded-for': address } });
  assert.equal((await bearing('192.0.2.1', CHAT_TOKEN)).status, 429);
  for (let times = 0; times < 10; times += 1) assert.equal((await bearing('192.0.2.2', 'wrong')).status, 401);
  assert.equal((await bearing('192.0.2.2', CHAT_TOKEN)).status, 429);
  assert.equal((await from('192.0.2.3', CHAT_TOKEN)).status, 204);
});

test('the app is asked who calls, with what the browser sent and nothing of ours', async (t) => {
  const app = await appThatAuthorizes(t);
  const rig = await openRig(t, { endpoint: { port: app.port, path: '/who' }, tokens: { chat: CHAT_TOKEN } });
  const forwarded = {
    'x-forwarded-for': '192.0.2.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example',
    host: 'shop.example',
  };
  const as = (who: string, more = {}) => ({ headers: { cookie: `session=${who}; greenroom_chat=chat.secret`, ...forwarded, ...more } });
  const session = await rig.call('proxy', 'GET', '/api/session?x=1', as('ada'));
  assert.deepEqual([session.status, JSON.parse(session.body).user, JSON.parse(session.body).login], [200, ADA.user, false]);
  const asked = app.asked[0];
  assert.deepEqual([asked?.method, asked?.url, asked?.headers.cookie], ['GET', '/who', 'session=ada']);
  assert.equal(asked?.headers['x-greenroom-original-uri'], `${PATH}/api/session?x=1`);
  for (const [name, value] of Object.entries(forwarded)) assert.equal(asked?.headers[name], value);

  assert.equal(await matrix(rig, 'proxy', as('ada').headers), 'in');
  assert.equal(await matrix(rig, 'proxy', as('bob').headers), 'chat');
  assert.equal(await matrix(rig, 'proxy', as('nobody').headers), 'unauthorized');
  assert.equal(await matrix(rig, 'proxy', as('banned').headers), 'forbidden');
  assert.equal(await matrix(rig, 'proxy', { ...as('nobody').headers, ...bearer(CHAT_TOKEN) }), 'in');
  const nobody = await rig.call('proxy', 'GET', '/api/session', as('nobody'));
  assert.equal(JSON.parse(nobody.body).login, true);
  assert.ok(app.asked.length < 30, `one credential is not asked about again and again: ${app.asked.length}`);

  for (const [who, said] of [
    ['broken', /answered 500/],
    ['moved', /answered 302/],
    ['silent', /must answer/],
    ['html', /must answer/],
    ['endless', /must answer/],
  ] as const) {
    const answer = await rig.call('proxy', 'GET', '/api/session', as(who));
    assert.deepEqual([answer.status, codeOf(answer)], [503, 'unavailable'], who);
    assert.match(JSON.parse(answer.body).error, said);
  }
  await app.close();
  const away = await rig.call('proxy', 'GET', '/api/session', as('somebody'));
  assert.deepEqual([away.status, codeOf(away)], [503, 'unavailable']);
});

test('who may not chat any more is shown nothing more', async (t) => {
  const app = await appThatAuthorizes(t);
  const rig = await openRig(t, { endpoint: { port: app.port, path: '/who' }, heartbeatMs: 50 });
  const id = rig.conversation();
  const stream = await openStream(rig.socket, id, { headers: { cookie: 'session=ada' } });
  assert.equal(stream.response.statusCode, 200);
  app.knows = false;
  // However much there is to show.
  const busy = setInterval(() => rig.transcript.append({ conversation: id, turn: 't' }, { kind: 'notice', level: 'info', text: 'x' }), 10);
  t.after(() => clearInterval(busy));
  while (await stream.next());
  clearInterval(busy);
  assert.equal(stream.response.complete, true);
});

test('a loopback port is not for pages of other names; without log-in it is for everybody on this machine', async (t) => {
  const rig = await openRig(t, { tcp: 'open' });
  assert.equal(await matrix(rig, 'tcp'), 'in');
  assert.equal(await matrix(rig, 'proxy'), 'unauthorized');
  for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', '192.0.2.1']) {
    assert.equal((await rig.call('tcp', 'GET', '/api/session', { headers: { host } })).status, 403, host);
    assert.equal((await rig.call('tcp', 'GET', '/', { headers: { host } })).status, 403, host);
  }
  for (const host of ['localhost:1', '[::1]:1', '127.0.0.1']) {
    assert.equal((await rig.call('tcp', 'GET', '/api/session', { headers: { host } })).status, 200, host);
  }
});

test('what a page of elsewhere makes a browser send changes nothing', async (t) => {
  const rig = await openRig(t, { tokens: { chat: CHAT_TOKEN } });
  const cookie = await logIn(rig, CHAT_TOKEN);
  const right = { cookie, host: 'shop.example', 'x-greenroom-request': '1', 'content-type': 'application/json' };
  const create = (headers: Record<string, string>) => rig.call('proxy', 'POST', '/api/conversations', { body: { title: 'x' }, headers });
  for (const [headers, status] of [
    [right, 201],
    [{ ...right, 'sec-fetch-site': 'same-origin' }, 201],
    [{ ...right, origin: 'https://shop.example' }, 201],
    [{ ...right, 'content-type': 'application/json; charset=utf-8' }, 201],
    [{ ...right, 'x-greenroom-request': '' }, 403],
    [{ ...right, 'sec-fetch-site': 'cross-site' }, 403],
    [{ ...right, 'sec-fetch-site': 'same-site' }, 403],
    [{ ...right, 'sec-fetch-site': 'none' }, 403],
    [{ ...right, origin: 'https://evil.example' }, 403],
    [{ ...right, origin: 'https://shop.example.evil.example' }, 403],
    [{ ...right, origin: 'https://shop.example:8443' }, 403],
    [{ ...right, origin: 'null' }, 403],
    [{ ...right, 'content-type': 'text/plain' }, 415],
    [{ ...right, 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ] as const) {
    const answer = await create(headers);
    assert.equal(answer.status, status, JSON.stringify(headers));
    assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith('access-control-')));
  }
  assert.equal(rig.transcript.conversations().length, 4);
  for (const path of ['/api/login', '/api/logout']) {
    const answer = await rig.call('proxy', 'POST', path, { body: { token: CHAT_TOKEN }, headers: { 'x-greenroom-request': '' } });
    assert.equal(answer.status, 403, path);
  }
  assert.equal((await rig.call('proxy', 'GET', '/api/conversations', { headers: { cookie, 'sec-fetch-site': 'cross-site' } })).status, 403);
  const preflight = await rig.call('proxy', 'OPTIONS', '/api/conversations', { headers: { cookie, origin: 'https://evil.example' } });
  assert.ok(preflight.status >= 400 && !('access-control-allow-origin' in preflight.headers));
});

async function logIn(rig: Rig, token: string): Promise<string> {
  const answer = await rig.call('proxy', 'POST', '/api/login', { body: { token } });
  assert.equal(answer.status, 204, answer.body);
  return cookieOf(answer.headers).split(';')[0] ?? '';
}

const cookieOf = (headers: Record<string, string | string[] | undefined>): string => String(headers['set-cookie']?.[0] ?? '');

interface AuthorizingApp {
  port: number;
  asked: IncomingMessage[];
  /** Whether it knows anybody. */
  knows: boolean;
  close(): Promise<void>;
}

/** An app that knows Ada and Bob by their session, and does everything wrong for others. */
async function appThatAuthorizes(t: TestContext): Promise<AuthorizingApp> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    const who = app.knows ? /session=(\w+)/.exec(request.headers.cookie ?? '')?.[1] : undefined;
    if (who === 'ada') response.end(JSON.stringify(ADA));
    else if (who === 'bob') response.end(JSON.stringify({ user: BOB.user }));
    else if (who === 'banned') response.writeHead(403).end();
    else if (who === 'broken') response.writeHead(500).end('oops');
    else if (who === 'moved') response.writeHead(302, { location: '/login' }).end();
    else if (who === 'silent') response.writeHead(204).end();
    else if (who === 'html') response.end('<html>');
    else if (who === 'endless') response.end(JSON.stringify(ADA).padEnd(100_000));
    else response.writeHead(401).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  t.after(close);
  const app: AuthorizingApp = { port: (server.address() as AddressInfo).port, asked, knows: true, close };
  return app;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatEvent, ChatPage } from '@greenroom/sdk/chat';
import { createLimiter } from '../../../src/agent/chat/limiter.ts';
import { ownIdentity } from '../../../src/proc.ts';
import { ADA, BOB, codeOf, fill, openRig, PATH } from './rig.ts';

const THIS_PROCESS = ownIdentity();

test('conversations are begun, named, listed and deleted; hostile titles are one line of text', async (t) => {
  const rig = await openRig(t);
  const created = await rig.call(ADA, 'POST', '/api/conversations', { body: {} });
  assert.equal(created.status, 201);
  const { id, user } = JSON.parse(created.body);
  assert.deepEqual(user, ADA.user);
  const title = '<script>alert(1)</script>\n\u001b]0;own\u0007\u202e\u0000 "x"';
  const renamed = await rig.call(BOB, 'PATCH', `/api/conversations/${id}`, { body: { title } });
  assert.equal(JSON.parse(renamed.body).title, '<script>alert(1)</script>  "x"');
  assert.equal(renamed.headers['content-type'], 'application/json');
  assert.equal(renamed.headers['x-content-type-options'], 'nosniff');
  assert.equal(renamed.headers['cache-control'], 'no-store');
  const listed = JSON.parse((await rig.call(ADA, 'GET', '/api/conversations')).body);
  assert.deepEqual(listed, { conversations: [JSON.parse(renamed.body)] });
  for (const wrong of [{ title: '' }, { title: ' \n' }, { title: 'x'.repeat(201) }, {}, { title: 1 }]) {
    assert.equal((await rig.call(ADA, 'PATCH', `/api/conversations/${id}`, { body: wrong })).status, 400);
  }
  assert.equal((await rig.call(ADA, 'DELETE', `/api/conversations/${id}`)).status, 204);
  assert.equal((await rig.call(ADA, 'DELETE', `/api/conversations/${id}`)).status, 404);
});

test('a message is taken once however often it is sent, beyond any limit, and a runner is started each time', async (t) => {
  const rig = await openRig(t, { messagesPerMinute: 2 });
  const id = rig.conversation();
  const post = (message: string, where = ADA) =>
    rig.call(where, 'POST', `/api/conversations/${id}/messages`, { body: { id: message, text: 'Make it blue' } });
  const first = await post('m1');
  assert.equal(first.status, 202);
  assert.equal((await post('m2')).status, 202);
  const limited = await post('m3');
  assert.deepEqual([limited.status, codeOf(limited)], [429, 'rate_limited']);
  assert.ok(Number(limited.headers['retry-after']) > 0);
  const again = await post('m1');
  assert.deepEqual([again.status, again.body], [202, first.body]);
  assert.equal((await post('m3', BOB)).status, 202);
  assert.equal(rig.calls.started, 4);
  const messages = rig.transcript.eventsAfter(id, 0, 100).filter((it) => it.kind === 'message');
  assert.deepEqual(
    messages.map((it) => it.kind === 'message' && [it.id, it.user.name]),
    [
      ['m1', 'Ada'],
      ['m2', 'Ada'],
      ['m3', 'Bob'],
    ],
  );
});

test('when the contract lets no turn begin, the message is not taken', async (t) => {
  const rig = await openRig(t, { mayBeginTurn: () => ({ error: 'No more than 60 turns in an hour.', retryAfterSeconds: 90 }) });
  const id = rig.conversation();
  const answer = await rig.call(ADA, 'POST', `/api/conversations/${id}/messages`, { body: { id: 'm', text: 'x' } });
  assert.deepEqual(
    [answer.status, answer.headers['retry-after'], JSON.parse(answer.body).error],
    [429, '90', 'No more than 60 turns in an hour.'],
  );
  assert.deepEqual([rig.calls.started, rig.transcript.queued().length], [0, 0]);
});

test('wrong bodies are refused with what is wrong, and take nothing', async (t) => {
  const rig = await openRig(t);
  const path = `/api/conversations/${rig.conversation()}/messages`;
  const post = (body: unknown) => rig.call(ADA, 'POST', path, { body });
  const text = 'x';
  for (const [body, status] of [
    ['{"id": "m"', 400],
    ['[]', 400],
    ['null', 400],
    ['', 400],
    [{ text }, 400],
    [{ id: 'm' }, 400],
    [{ id: 'a b', text }, 400],
    [{ id: '../m', text }, 400],
    [{ id: 'm'.repeat(65), text }, 400],
    [{ id: 'm', text: ' \n\t' }, 400],
    [{ id: 'm', text: ['x'] }, 400],
    [{ id: 'm', text: 'é'.repeat(32 * 1024 + 1) }, 413],
    [{ id: 'm', text: 'x'.repeat(600 * 1024) }, 413],
  ] as const) {
    const answer = await post(body);
    assert.equal(answer.status, status, JSON.stringify(body).slice(0, 80));
    assert.ok(JSON.parse(answer.body).error.length > 10);
  }
  assert.equal(rig.transcript.queued().length, 0);
  const exact = await post({ id: 'm', text: 'é'.repeat(32 * 1024) });
  assert.equal(exact.status, 202);
  assert.equal((await post({ id: 'n', text: 'lone \ud800 half' })).status, 202);
  assert.equal(rig.transcript.queued()[1]?.message, 'lone \ufffd half');
});

test('what is not there is not found', async (t) => {
  const rig = await openRig(t);
  const text = { id: 'm', text: 'x' };
  for (const [method, path, body] of [
    ['GET', '/api/conversations/c0/events'],
    ['GET', '/api/conversations/c0/stream'],
    ['POST', '/api/conversations/c0/messages', text],
    ['PATCH', '/api/conversations/c0', { title: 'x' }],
    ['DELETE', '/api/conversations/c0'],
    ['POST', '/api/turns/t0/cancel'],
    ['POST', '/api/turns/t0/continue'],
    ['POST', '/api/permissions/p0', { option: 'x' }],
    ['POST', '/api/rollback', { conversation: 'c0' }],
    ['GET', '/api/elsewhere'],
    ['GET', '/api/conversations/%2e%2e%2f/events'],
    ['GET', '/api/../../etc/passwd'],
    ['GET', '/assets/../chat.js'],
    ['GET', '/assets/%2e%2e/%2e%2e/package.json'],
    ['GET', '/assets/..%2f..%2fpackage.json'],
    ['GET', '/assets//etc/passwd'],
    ['GET', '/assets/1/a.js%00'],
  ] as const) {
    const answer = await rig.call(ADA, method, path, body ? { body } : {});
    assert.equal(answer.status, path === '/assets/../chat.js' ? 200 : 404, `${method} ${path}`);
  }
  assert.equal((await rig.call(ADA, 'GET', 'X/api/session')).status, 404);
});

test('files need no caller; browsers keep them until they change', async (t) => {
  const rig = await openRig(t);
  for (const [path, type] of [
    ['/', 'text/html; charset=utf-8'],
    ['/chat.js', 'text/javascript; charset=utf-8'],
    ['/assets/1/a.js', 'text/javascript; charset=utf-8'],
  ] as const) {
    const answer = await rig.call('proxy', 'GET', path);
    assert.deepEqual([answer.status, answer.headers['content-type']], [200, type]);
    assert.match(String(answer.headers['content-security-policy']), /default-src 'none'; script-src 'self'/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    const etag = String(answer.headers['etag']);
    const again = await rig.call('proxy', 'GET', path, { headers: { 'if-none-match': `"other", W/${etag}` } });
    assert.deepEqual([again.status, again.body], [304, '']);
    assert.equal((await rig.call('proxy', 'HEAD', path)).status, 200);
  }
  const root = await rig.call('proxy', 'GET', '');
  assert.deepEqual([root.status, root.headers['location']], [308, './.greenroom/']);
});

test('a waiting turn is withdrawn, a running one is asked to end, an interrupted one is continued once', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const post = async (message: string): Promise<string> =>
    JSON.parse((await rig.call(ADA, 'POST', `/api/conversations/${id}/messages`, { body: { id: message, text: message } })).body).turn;
  const [running, waiting] = [await post('first'), await post('second')];
  assert.equal(rig.transcript.takeTurn(THIS_PROCESS)?.id, running);
  assert.equal((await rig.call(BOB, 'POST', `/api/turns/${waiting}/cancel`)).status, 202);
  assert.equal(rig.transcript.turn(waiting)?.status, 'cancelled');
  assert.equal((await rig.call(BOB, 'POST', `/api/turns/${waiting}/cancel`)).status, 409);
  assert.equal((await rig.call(BOB, 'POST', `/api/turns/${running}/continue`)).status, 409);
  assert.equal((await rig.call(ADA, 'DELETE', `/api/conversations/${id}`)).status, 409);
  assert.equal((await rig.call(BOB, 'POST', `/api/turns/${running}/cancel`)).status, 202);
  assert.deepEqual(
    rig.transcript.requests(running, 0).map((it) => [it.kind, it.by]),
    [['cancel', 'Bob']],
  );
  rig.transcript.finish(running, 'interrupted', { detail: 'Its runner died.' });
  const continued = await rig.call(ADA, 'POST', `/api/turns/${running}/continue`);
  const twice = await rig.call(ADA, 'POST', `/api/turns/${running}/continue`);
  assert.deepEqual([continued.status, twice.body], [202, continued.body]);
  assert.deepEqual(
    rig.transcript.queued().map((it) => [it.id, it.message]),
    [[JSON.parse(continued.body).turn, 'Continue where you were interrupted.']],
  );
});

test('a question of the agent is answered once, with one of its options', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const { turn } = rig.transcript.post({ conversation: id, id: 'm', text: 'x', user: ADA.user });
  const answer = (option: string) => rig.call(BOB, 'POST', '/api/permissions/p1', { body: { option } });
  assert.equal((await answer('yes')).status, 404);
  rig.transcript.takeTurn(THIS_PROCESS);
  const asked = {
    kind: 'permission',
    request: 'p1',
    call: 'k',
    title: 'rm -rf',
    options: [{ id: 'yes', name: 'Yes', kind: 'allow_once' }],
  } as const;
  rig.transcript.append({ conversation: id, turn }, { ...asked, options: [...asked.options], status: 'asked' });
  assert.equal((await answer('always')).status, 400);
  assert.equal((await answer('yes')).status, 202);
  assert.deepEqual(
    rig.transcript.requests(turn, 0).map(({ id: _, ...it }) => it),
    [{ kind: 'permission', request: 'p1', option: 'yes', by: 'Bob' }],
  );
  rig.transcript.append(
    { conversation: id, turn },
    { ...asked, options: [...asked.options], status: 'answered', option: 'yes', by: 'Bob' },
  );
  assert.equal((await answer('yes')).status, 409);
});

test('approve, deny and roll back go to the orchestrator, in the name of the person', async (t) => {
  const rig = await openRig(t);
  const { orchestrator } = rig;
  const id = rig.conversation();
  assert.equal((await rig.call(ADA, 'POST', '/api/attempts/d1/approve')).status, 202);
  assert.equal((await rig.call(ADA, 'POST', '/api/attempts/d1/deny', { body: { reason: 'too\nblue' } })).status, 202);
  orchestrator.decision = { status: 202, body: { success: true, id: 'r1', status: 'accepted' } };
  const rolled = await rig.call(ADA, 'POST', '/api/rollback', { body: { conversation: id, reason: 'ugly' } });
  assert.deepEqual([rolled.status, JSON.parse(rolled.body)], [202, { id: 'r1' }]);
  assert.deepEqual(orchestrator.asked, [
    { path: '/approve', body: { id: 'd1', by: 'Ada' } },
    { path: '/deny', body: { id: 'd1', by: 'Ada', reason: 'too blue' } },
    { path: '/rollback', body: { reason: 'ugly (by Ada in the chat)', trigger: 'manual', origin: { conversation: id, turn: '' } } },
  ]);
  orchestrator.decision = { status: 409, body: { success: false, code: 'not_waiting', error: 'd1 does not wait.' } };
  const refused = await rig.call(ADA, 'POST', '/api/attempts/d1/approve');
  assert.deepEqual([refused.status, JSON.parse(refused.body)], [409, { code: 'conflict', error: 'd1 does not wait.' }]);
  await orchestrator.close();
  const away = await rig.call(ADA, 'POST', '/api/rollback', { body: { conversation: id } });
  assert.deepEqual([away.status, codeOf(away)], [503, 'unavailable']);
});

test('a conversation of 100,000 events opens with one small page, and the others follow', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  fill(
    rig,
    id,
    Array.from({ length: 100_000 }, (_, number) => `Notice ${number}`),
  );
  const begun = performance.now();
  const answer = await rig.call(ADA, 'GET', `/api/conversations/${id}/events`);
  t.diagnostic(`first page of 100,000 events: ${(performance.now() - begun).toFixed(1)} ms, ${answer.body.length} bytes`);
  const page = JSON.parse(answer.body) as ChatPage;
  assert.deepEqual([page.events.length, page.more, page.events.at(-1)?.seq], [300, true, 100_000]);
  assert.ok(answer.body.length < 256 * 1024, `${answer.body.length} bytes`);
  const first = page.events[0] as ChatEvent;
  const older = await rig.call(ADA, 'GET', `/api/conversations/${id}/events?before=${first.first_seq ?? first.seq}&limit=5`);
  const events = (JSON.parse(older.body) as ChatPage).events;
  assert.deepEqual([events.length, events.at(-1)?.seq], [5, (first.first_seq ?? first.seq) - 1]);
  for (const query of ['?before=x', '?before=-1', '?limit=0', '?limit=1001', '?limit=1e9', '?before=1.5']) {
    assert.equal((await rig.call(ADA, 'GET', `/api/conversations/${id}/events${query}`)).status, 400, query);
  }
});

test('an address that asks for too much waits, and nobody else does', async (t) => {
  const rig = await openRig(t, { requestsPerMinute: 3 });
  const from = async (address: string) => {
    const answer = await rig.call('proxy', 'GET', '/chat.js', { headers: { 'x-forwarded-for': `203.0.113.7, ${address}` } });
    return [answer.status, answer.headers['retry-after'] !== undefined];
  };
  for (let times = 0; times < 3; times += 1) assert.deepEqual(await from('192.0.2.1'), [200, false]);
  assert.deepEqual(await from('192.0.2.1'), [429, true]);
  assert.deepEqual(await from('192.0.2.2'), [200, false]);
});

test('a limit fills up again evenly, and forgets whom it need not remember', () => {
  let now = 0;
  const limiter = createLimiter({ count: 2, windowMs: 10_000 }, () => now);
  assert.deepEqual([limiter.take('a'), limiter.wait('a'), limiter.take('a'), limiter.take('a'), limiter.wait('b')], [0, 0, 0, 5, 0]);
  now = 5_000;
  assert.deepEqual([limiter.take('a'), limiter.take('a')], [0, 5]);
  for (let key = 0; key < 30_000; key += 1) limiter.take(`flood ${key}`);
  assert.equal(limiter.take('b'), 0);
});

test('below another path, and at the top', async (t) => {
  for (const chatPath of ['/tools/chat', '/a:b/*/']) {
    const rig = await openRig(t, { chatPath });
    const path = chatPath.replace(/\/$/, '');
    assert.equal((await rig.call(ADA, 'GET', chatPath.endsWith('/') ? 'api/session' : '/api/session')).status, 200);
    assert.equal((await rig.call(ADA, 'GET', `/../..${PATH}/api/session`)).status, 404, path);
  }
});

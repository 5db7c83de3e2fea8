import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { connect, greenroom, openDeadTools } from './rig.ts';

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

test('only whoever has the token of the turn is served, and no page of a browser', async (t) => {
  const tools = await openDeadTools(t);
  const server = tools.mcpServer({ http: true, sse: false });
  assert.ok(server && 'url' in server);
  const url = new URL(server.url);
  assert.equal(url.hostname, '127.0.0.1');
  const authorization = server.headers[0]?.value ?? '';
  assert.deepEqual([`Bearer ${tools.secrets[0]}`], [authorization]);

  const post = (headers: Record<string, string>, path = url.pathname, body = JSON.stringify(INITIALIZE)): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const sent = request(
      {
        host: '127.0.0.1',
        port: url.port,
        path,
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      },
      (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)),
    );
    sent.on('error', reject);
    sent.end(body);
    return promise;
  };

  assert.equal(await post({ authorization }), 200);
  for (const wrong of [
    {},
    { authorization: 'Bearer ' },
    { authorization: `${authorization}x` },
    { authorization: authorization.slice(0, -1) },
  ]) {
    assert.equal(await post(wrong), 401);
  }
  assert.equal(await post({ authorization: authorization.replace('Bearer', 'Basic') }), 401);
  for (const host of ['evil.example', `evil.example:${url.port}`, '127.0.0.1.evil.example']) {
    assert.equal(await post({ authorization, host }), 403, host);
  }
  for (const origin of ['https://evil.example', `http://127.0.0.1:${url.port}`, 'null']) {
    assert.equal(await post({ authorization, origin }), 403, origin);
  }
  assert.equal(await post({ authorization }, '/'), 404);
  assert.equal(await post({ authorization }, url.pathname, JSON.stringify({ ...INITIALIZE, padding: 'x'.repeat(300_000) })), 413);

  const other = await openDeadTools(t);
  assert.notDeepEqual(other.secrets, tools.secrets);
  await tools.close();
  await assert.rejects(post({ authorization }), { code: 'ECONNREFUSED' });
});

test('without an orchestrator every tool answers a sentence, and the command exits with 3', async (t) => {
  const tools = await openDeadTools(t);
  const calls = [
    ['status', {}],
    ['deploy', { reason: 'x' }],
    ['rollback', { reason: 'x' }],
    ['deploy_log', { id: 'x' }],
    ['app_logs', {}],
    ['diff_live', {}],
  ] as const;
  const check = async (http: boolean): Promise<void> => {
    const use = await connect(t, tools.mcpServer({ http, sse: false }));
    // At once: two of them wait for an orchestrator that may be just being replaced.
    const answers = await Promise.all(calls.map(([name, input]) => use(name, input)));
    for (const { failed, text } of answers) {
      assert.ok(failed);
      assert.match(text, /orchestrator does not answer \(ENOENT\).*Do not try to start/);
    }
    assert.match((await use('contract')).text, /cannot be read/);
  };
  await Promise.all([check(true), check(false)]);
  const ran = await greenroom(tools, ['status', '--json']);
  assert.equal(ran.code, 3);
  assert.equal((JSON.parse(ran.stdout) as { code: string }).code, 'unreachable');
});

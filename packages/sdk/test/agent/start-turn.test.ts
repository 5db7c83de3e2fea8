import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AgentRefusal, readHandOver, startTurn } from '@greenroom/sdk/agent';
import { bodyOf, callerOf, createWorld, type Seen, shut, type World } from '../app/stand-in.ts';

const user = { id: 'cron', name: 'Nightly job' };

test('begins a conversation, posts the message and answers where it went', async (t) => {
  const { world, seen } = await createService(t);
  const started = await startTurn({ text: '\n  Update the list of holidays\nPlease.', user, id: 'm1', env: world.env });
  assert.deepEqual(started, { conversation: 'c 1', turn: 't1' });
  assert.deepEqual(
    seen.map((one) => [one.method, one.url, JSON.parse(one.body)]),
    [
      ['POST', '/.greenroom/api/conversations', { title: 'Update the list of holidays' }],
      ['POST', '/.greenroom/api/conversations/c%201/messages', { id: 'm1', text: '\n  Update the list of holidays\nPlease.' }],
    ],
  );
  for (const one of seen) {
    assert.deepEqual(callerOf(one), { user, approve: false });
    assert.equal(one.headers['x-greenroom-request'], '1');
    assert.equal(one.headers['content-type'], 'application/json');
  }
});

test('goes on with a conversation', async (t) => {
  const { world, seen } = await createService(t);
  assert.deepEqual(await startTurn({ text: 'more', user, conversation: 'c 1', env: world.env }), { conversation: 'c 1', turn: 't1' });
  assert.equal(seen.length, 1);
});

test('tells why a message was refused, and leaves no empty conversation', async (t) => {
  const { world, seen } = await createService(t, { code: 'rate_limited', error: 'Too many turns within the hour. Try again later.' });
  await assert.rejects(startTurn({ text: 'x', user, env: world.env }), (error) => {
    assert.ok(error instanceof AgentRefusal);
    assert.deepEqual([error.code, error.message], ['rate_limited', 'Too many turns within the hour. Try again later.']);
    return true;
  });
  assert.deepEqual([seen.at(-1)?.method, seen.at(-1)?.url], ['DELETE', '/.greenroom/api/conversations/c%201']);
  const before = seen.length;
  await assert.rejects(startTurn({ text: 'x', user, conversation: 'c 1', env: world.env }), AgentRefusal);
  assert.equal(seen.length, before + 1);
});

test('outside Greenroom, or when the service goes away, it is unavailable', async (t) => {
  await assert.rejects(startTurn({ text: 'x', user, env: {} }), {
    name: 'AgentRefusal',
    code: 'unavailable',
    message: /when Greenroom runs the app/,
  });
  const { world } = await createService(t, 'gone');
  await assert.rejects(startTurn({ text: 'x', user, env: world.env }), { code: 'unavailable', message: /look into the chat/ });
  assert.equal(readHandOver({}), null);
  assert.equal(readHandOver(world.env)?.app, 'shop');
  assert.equal(readHandOver({ GREENROOM_CONTRACT: join(world.data, 'nowhere', 'app.contract.json') }), null);
});

type Fate = { code: string; error: string } | 'gone' | null;

async function createService(t: TestContext, fate: Fate = null): Promise<{ world: World; seen: Seen[] }> {
  const world = await createWorld(t);
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: await bodyOf(request) });
    const posted = request.url?.endsWith('/messages');
    if (fate === 'gone') response.destroy();
    else if (posted && fate) response.writeHead(429).end(JSON.stringify(fate));
    else if (request.method === 'DELETE') response.writeHead(204).end();
    else response.writeHead(posted ? 202 : 201).end(JSON.stringify(posted ? { turn: 't1', seq: 1 } : { id: 'c 1' }));
  });
  await new Promise<void>((resolve) => server.listen(world.socket, resolve));
  t.after(() => shut(server));
  return { world, seen };
}

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTurn } from '@greenroom/sdk/agent';
import type { ChatConversation, ChatPage, ChatPosted, ChatSession } from '@greenroom/sdk/chat';
import { CLI } from '../../../../bench/harness/greenroom.ts';
import { parseEventStream, type ServerSentEvent } from '../../../sdk/src/client/sse.ts';
import { runsStill } from '../../src/proc.ts';
import { ask } from '../e2e/ask.ts';
import { openRig, type Rig, until } from '../e2e/rig.ts';
import { endMountedService, mountedService } from './mounted.ts';

/** An app that mounts the chat by the SDK, as the guide says. */
const APP = `
import { createServer } from 'node:http';
const { createChat } = await import(process.env.SDK_APP);
const chat = createChat({
  authorize: ({ headers }) => headers.cookie === 'user=ann' && { user: { id: 'ann', name: 'Ann' }, approve: true },
});
const server = createServer((request, response) => {
  if (!chat.handle(request, response)) response.end('the app');
});
server.listen(process.env.PORT, '127.0.0.1');
const internal = createServer((request, response) => response.end('ok')).listen(process.env.INTERNAL_PORT, '127.0.0.1');
process.on('SIGTERM', () => {
  chat.close();
  server.close();
  internal.close();
});
`;

const ANN = { cookie: 'user=ann', 'x-greenroom-request': '1', 'content-type': 'application/json' };

test('a chat that the app mounts is started by its first request, and survives the app', async (t) => {
  const rig = await openRig(t, {
    contract: {
      start_command: 'node app.mjs',
      env: { SDK_APP: new URL('../../../sdk/src/app.ts', import.meta.url).pathname },
      agent: { command: `${process.execPath} ${CLI} demo-agent` },
    },
  });
  try {
    await rig.live(rig.commit({}, { 'app.mjs': APP }));
    assert.equal((await call(rig, 'GET', '/api/session', undefined, {})).status, 401);
    assert.equal(existsSync(join(rig.data, 'run', 'chat-app.sock')), false, 'started for nobody');

    const session = await call(rig, 'GET', '/api/session');
    assert.equal(session.status, 200, session.body);
    const { user, can_approve, app } = JSON.parse(session.body) as ChatSession;
    assert.deepEqual([user, can_approve, app], [{ id: 'ann', name: 'Ann' }, true, 'shop']);
    const element = await call(rig, 'GET', '/chat.js', undefined, {});
    assert.equal(element.status, 200);
    assert.match(String(element.headers['content-type']), /javascript/);
    const service = mountedService(rig);
    assert.ok(service && runsStill(service.pid, service.start_ticks));

    const conversation = JSON.parse((await call(rig, 'POST', '/api/conversations', { title: 'A talk' })).body) as ChatConversation;
    const place = `/api/conversations/${conversation.id}`;
    const before = await openStream(rig, `${place}/stream`);
    const message = { id: 'm1', text: 'Hello' };
    const posted = await call(rig, 'POST', `${place}/messages`, message);
    assert.equal(posted.status, 202, posted.body);
    const { seq } = JSON.parse(posted.body) as ChatPosted;
    const first = await before.until((event) => event.id === String(seq));
    assert.match(first.data, /"Hello"/);

    // Its stream ends with the instance that it came by, and goes on where it was by the next one.
    await rig.live(rig.commit({}, { 'version.txt': '2' }));
    await before.end();
    assert.equal(before.response.complete, true);
    const after = await openStream(rig, `${place}/stream`, { 'last-event-id': String(seq - 1) });
    assert.deepEqual(await after.until((event) => event.id !== ''), first);
    after.response.destroy();
    assert.deepEqual(mountedService(rig), service);
    assert.ok(runsStill(service.pid, service.start_ticks), 'the service ended with the app');
    assert.deepEqual(JSON.parse((await call(rig, 'POST', `${place}/messages`, message)).body), JSON.parse(posted.body));

    // A killed one is started again, and knows everything.
    process.kill(service.pid, 'SIGKILL');
    const again = await call(rig, 'GET', `${place}/events`);
    assert.equal(again.status, 200, again.body);
    assert.match(again.body, /"Hello"/);
    assert.notDeepEqual(mountedService(rig), service);
    // The app's own code asks the agent too, and a second message with the same id is the same turn.
    const env = { GREENROOM_CONTRACT: join(rig.data, 'run', 'contract', 'app.contract.json') };
    const task = { text: 'Hello again', user: { id: 'cron', name: 'Nightly job' }, id: 'm2', conversation: conversation.id, env };
    const started = await startTurn(task);
    assert.deepEqual(await startTurn(task), started);
    const { turn } = JSON.parse(posted.body) as ChatPosted;
    assert.deepEqual(await finalsOf(rig, place, 2), [turn, started.turn]);
    await assert.rejects(startTurn({ ...task, id: 'm3', conversation: 'no-such' }), { name: 'AgentRefusal', code: 'not_found' });
  } finally {
    await endMountedService(rig);
  }
});

function call(rig: Rig, method: string, path: string, body?: unknown, headers: Record<string, string> = ANN) {
  return ask({ port: rig.port, method, path: `/chat${path}`, headers, ...(body === undefined ? {} : { body }) });
}

/** The turns of a conversation that are over, in order, once there are so many. */
async function finalsOf(rig: Rig, place: string, count: number): Promise<string[]> {
  let over: string[] = [];
  await until(
    async () => {
      const { events } = JSON.parse((await call(rig, 'GET', `${place}/events`)).body) as ChatPage;
      over = events.flatMap((it) => (it.kind === 'turn' && it.status !== 'queued' && it.status !== 'running' ? [it.turn] : []));
      return over.length >= count;
    },
    () => `${over.length} of ${count} turns are over`,
  );
  return over;
}

interface Stream {
  response: IncomingMessage;
  until(found: (event: ServerSentEvent) => boolean): Promise<ServerSentEvent>;
  /** Reads to the end. */
  end(): Promise<void>;
}

async function openStream(rig: Rig, path: string, headers: Record<string, string> = {}): Promise<Stream> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request({ port: rig.port, host: '127.0.0.1', path: `/chat${path}`, headers: { ...ANN, ...headers } }, resolve)
    .on('error', reject)
    .end();
  const response = await promise;
  assert.equal(response.statusCode, 200);
  const events = parseEventStream(response);
  return {
    response,
    async until(found) {
      for (;;) {
        const { done, value } = await events.next();
        if (done) assert.fail('the stream ended');
        if (found(value)) return value;
      }
    },
    async end() {
      while (!(await events.next()).done);
    },
  };
}

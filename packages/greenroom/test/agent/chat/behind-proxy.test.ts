import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ChatConversation, ChatEvent, ChatState } from '@greenroom/sdk/chat';
import { createClient } from '@greenroom/sdk/client';
import { layoutOf } from '../../../src/orchestrator/layout.ts';
import { ask } from '../../e2e/ask.ts';
import { until as eventually, openRig, pidOf, type Rig } from '../../e2e/rig.ts';
import { CHAT_TOKEN, openStream, PATH } from './rig.ts';
import { chatCommand } from './service.ts';

const HEADERS = { authorization: `Bearer ${CHAT_TOKEN}`, 'x-greenroom-request': '1', 'content-type': 'application/json' };

test('one stream through the proxy outlives deploys, a crash, a rollback, an approval and a killed orchestrator', async (t) => {
  const rig = await openRig(t, { contract: { agent: { approval: true, command: '/nowhere/agent' } } });
  const chat = await chatCommand(t, rig).start();
  try {
    await story(t, rig);
  } finally {
    assert.deepEqual(await chat.kill('SIGTERM'), { code: 0, signal: null });
  }
});

async function story(t: TestContext, rig: Rig): Promise<void> {
  const { agentSocket, operatorSocket } = layoutOf(rig.data);
  // By whom it needs no approval.
  const operator = createClient({ socket: operatorSocket });
  const live = async (commit: string): Promise<void> => {
    const answer = await operator.deploy({ commit });
    assert.ok(answer.success, JSON.stringify(answer));
  };
  const first = rig.commit({ name: 'one' });
  await live(first);
  const created = await post(rig, '/api/conversations', { title: 'A talk' }, 201);
  const { id } = created as ChatConversation;
  const stream = await openStream(rig.port, id, { headers: HEADERS });
  assert.equal(stream.response.statusCode, 200);
  const events: ChatEvent[] = [];
  const until = async (done: (event: ChatEvent | null, state: ChatState | null) => boolean): Promise<void> =>
    void events.push(...(await stream.until(done)));

  // Swaps by a person belong to no conversation.
  for (const name of ['two', 'three']) await live(rig.commit({ name }));
  const crashed = pidOf(await rig.status());
  process.kill(crashed, 'SIGKILL');
  await eventually(
    async () => ![0, crashed].includes(pidOf(await rig.status())) && (await rig.status()).healthy,
    () => 'the app does not come back',
  );

  const { id: rollback } = (await post(rig, '/api/rollback', { conversation: id }, 202)) as { id: string };
  await until((event) => event?.kind === 'attempt' && event.attempt.id === rollback && event.attempt.status === 'succeeded');
  const rolledBack = events.findLast((it) => it.kind === 'attempt');
  assert.ok(rolledBack?.kind === 'attempt' && rolledBack.attempt.reason === 'by Chat user in the chat');
  assert.deepEqual(rolledBack.attempt.origin, { conversation: id, turn: '' });

  const commit = rig.commit({ name: 'four' });
  const agent = createClient({ socket: agentSocket });
  const asked = await agent.deploy({ commit, origin: { conversation: id, turn: 't1' } }, { async: true });
  assert.ok(asked.success && 'id' in asked);
  const waiting = (event: ChatEvent | null): boolean => event?.kind === 'attempt' && event.attempt.approval?.state === 'waiting';
  await until(waiting);
  await post(rig, `/api/attempts/${asked.id}/approve`, {}, 202);
  await until((event) => event?.kind === 'attempt' && event.attempt.id === asked.id && event.attempt.status === 'succeeded');
  const deployed = events.findLast((it) => it.kind === 'attempt');
  assert.deepEqual(deployed?.kind === 'attempt' && deployed.attempt.approval?.by, 'Chat user');
  assert.equal((await rig.status()).live_commit, commit);
  const again = await rig.visit(`${PATH}/api/attempts/${asked.id}/approve`);
  assert.equal(again.status, 401);

  await rig.kill();
  await until((_, state) => state !== null && state.app === null);
  await rig.start();
  await until((_, state) => state?.app?.live_commit === commit);
  await post(rig, `/api/conversations/${id}/messages`, { id: 'm1', text: 'Thanks' }, 202);
  await until((event) => event?.kind === 'turn' && event.status === 'failed');

  const seqs = events.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    [...new Set(seqs)].sort((one, other) => one - other),
  );
  const versions = events.flatMap((it) => (it.kind === 'attempt' ? [`${it.attempt.id} ${it.journal_seq}`] : []));
  assert.deepEqual(versions, [...new Set(versions)]);
  t.diagnostic(`${events.length} events on one stream`);
  stream.close();
}

async function post(rig: Rig, path: string, body: object, status: number): Promise<unknown> {
  const answer = await ask({ port: rig.port, method: 'POST', path: PATH + path, body, headers: HEADERS });
  assert.equal(answer.status, status, answer.body);
  return JSON.parse(answer.body);
}

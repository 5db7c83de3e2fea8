import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChatEvent, ChatState } from '@greenroom/sdk/chat';
import { readBootId, readStat } from '../../../src/proc.ts';
import { attempt } from './orchestrator.ts';
import { ADA, codeOf, fill, openRig, openStream, type Rig } from './rig.ts';

const seqs = (events: ChatEvent[]): number[] => events.map(({ seq }) => seq);
const say = (rig: Rig, conversation: string, text: string): number =>
  rig.transcript.append({ conversation, turn: 't' }, { kind: 'text', block: 'b', delta: text }).seq;

test('a stream begins with the state and what is there, goes on with what comes, and is taken up where it was left', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const other = rig.conversation();
  const before = [say(rig, id, 'a'), say(rig, id, 'b')];
  say(rig, other, 'elsewhere');
  const stream = await openStream(rig.appSocket, id);
  assert.match(String(stream.response.headers['content-type']), /^text\/event-stream/);
  assert.match(String(stream.response.headers['cache-control']), /no-transform/);
  const first = await stream.next();
  assert.ok(first && 'state' in first && first.state.running === null);
  const events = await stream.until((event) => event?.seq === before[1]);
  assert.deepEqual(seqs(events), before);
  const later = [say(rig, id, 'c'), say(rig, id, 'd')];
  assert.deepEqual(seqs(await stream.until((event) => event?.seq === later[1])), later);
  stream.close();
  const missed = say(rig, id, 'e');
  // The header of a stream that is taken up counts, not the address that it was opened with.
  const again = await openStream(rig.appSocket, id, { lastEventId: later[1] ?? 0, query: '?after=1' });
  assert.deepEqual(seqs(await again.until((event) => event !== null)), [missed]);
  again.close();
  const after = await openStream(rig.appSocket, id, { query: `?after=${later[0]}` });
  assert.deepEqual(seqs(await after.until((event) => event?.seq === missed)), [later[1], missed]);
  after.close();
  const wrong = await rig.call(ADA, 'GET', `/api/conversations/${id}/stream?after=-1`);
  assert.deepEqual([wrong.status, codeOf(wrong)], [400, 'invalid_request']);
});

test('the state tells of turns and of the app, to all streams, and each change once', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const stream = await openStream(rig.appSocket, rig.conversation());
  const stateWith = async (holds: (state: ChatState) => boolean): Promise<ChatState> => {
    for (;;) {
      const read = await stream.next();
      assert.ok(read, 'the stream ended');
      if ('state' in read && holds(read.state)) return read.state;
    }
  };
  const known = await stateWith(({ app }) => app !== null);
  assert.deepEqual(known.app, { live_commit: 'c1', previous_commit: 'c0', healthy: true, deploying: '', frozen: false });
  const { turn } = rig.transcript.post({ conversation: id, id: 'm', text: 'Make it blue', user: ADA.user });
  assert.equal((await stateWith(({ queued }) => queued.length === 1)).queued[0]?.text, 'Make it blue');
  rig.transcript.takeTurn({ pid: process.pid, start_ticks: readStat(process.pid)?.startTicks ?? 0, boot_id: readBootId() });
  const running = await stateWith((it) => it.running !== null);
  assert.deepEqual(
    [running.running?.id, running.queued, running.running && Object.keys(running.running).includes('message')],
    [turn, [], false],
  );
  rig.orchestrator.status = { live_commit: 'c2', attempt: attempt('d2', id), healthy: false };
  rig.orchestrator.tell(attempt('d2', id));
  const deploying = await stateWith(({ app }) => app?.live_commit === 'c2');
  assert.deepEqual([deploying.app?.deploying, deploying.app?.healthy], ['c2', false]);
  await rig.orchestrator.close();
  await stateWith(({ app }) => app === null);
  stream.close();
});

test('attempts of a conversation come into it, each version once, also those from before the service', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const stream = await openStream(rig.appSocket, id);
  rig.orchestrator.tell(attempt('d1', id));
  rig.orchestrator.tell(attempt('d2', 'c-deleted'));
  const { origin: _, ...byHand } = attempt('d3', id);
  rig.orchestrator.tell(byHand);
  rig.orchestrator.tell(attempt('d1', id, { status: 'succeeded' }));
  const events = await stream.until((event) => event?.kind === 'attempt' && event.attempt.status === 'succeeded');
  assert.deepEqual(
    events.map((it) => it.kind === 'attempt' && [it.journal_seq, it.turn, it.attempt.id, it.attempt.status]),
    [
      [1, 't1', 'd1', 'running'],
      [4, 't1', 'd1', 'succeeded'],
    ],
  );
  stream.close();
});

test('a reader that takes nothing costs no memory, and gets everything in the end', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const count = 300;
  fill(
    rig,
    id,
    Array.from({ length: count }, () => 'x'.repeat(64 * 1024)),
  );
  const before = megabytesUsed();
  const readers = await Promise.all([1, 2, 3].map(() => openStream(rig.appSocket, id)));
  for (const reader of readers) reader.response.pause();
  // Another caller's exchanges show that the service had its time.
  for (let times = 0; times < 20; times += 1) assert.equal((await rig.call(ADA, 'GET', '/api/session')).status, 200);
  const more = megabytesUsed() - before;
  t.diagnostic(`${more.toFixed(0)} MB more in use with three readers of ${(count * 64) / 1024} MB each`);
  const all = await readers[0]?.until((event) => event?.seq === count);
  assert.deepEqual(all && [all.length, new Set(seqs(all)).size], [count, count]);
  assert.ok(more < 30, `${more.toFixed(0)} MB`);
  for (const reader of readers) reader.close();
});

test('quiet streams say that they are there, and end when their caller may not stay, when the conversation goes, and when the service does', async (t) => {
  const rig = await openRig(t, { heartbeatMs: 30 });
  const id = rig.conversation();
  const open = await openStream(rig.appSocket, id);
  let text = '';
  open.response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  while (!text.includes(': still here')) await once(open.response, 'data');
  open.close();
  const gone = await openStream(rig.appSocket, id);
  assert.equal(rig.transcript.delete(id), true);
  while ((await gone.next()) !== null);
  const last = await openStream(rig.appSocket, rig.conversation());
  const ended = (async () => {
    while ((await last.next()) !== null);
  })();
  await rig.service.close();
  await ended;
  assert.equal(last.response.complete, true);
});

test('a transcript that cannot be read ends the stream and is said; the service stays', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const stream = await openStream(rig.appSocket, id);
  await stream.next();
  t.mock.method(rig.transcript, 'eventsAfter', () => {
    throw Object.assign(new Error('disk I/O error'), { errcode: 10 });
  });
  rig.transcript.rename(id, 'Another title');
  while (await stream.next());
  assert.deepEqual([stream.response.complete, rig.logged], [true, ['A stream ended early: disk I/O error']]);
  t.mock.method(rig.transcript, 'conversations', () => {
    throw Object.assign(new Error('disk I/O error'), { errcode: 10 });
  });
  const answer = await rig.call(ADA, 'GET', '/api/conversations');
  assert.deepEqual([answer.status, codeOf(answer)], [503, 'unavailable']);
  assert.equal((await rig.call(ADA, 'GET', '/api/session')).status, 200);
});

test('a user has so many streams, and a closed one makes room', async (t) => {
  const rig = await openRig(t);
  const id = rig.conversation();
  const path = `/api/conversations/${id}/stream`;
  const streams = await Promise.all(Array.from({ length: 30 }, () => openStream(rig.appSocket, id)));
  const refused = await rig.call(ADA, 'GET', path);
  assert.deepEqual([refused.status, codeOf(refused)], [429, 'rate_limited']);
  streams[0]?.close();
  // The service hears of it when the kernel tells it.
  let opened = await openStream(rig.appSocket, id);
  while (opened.response.statusCode === 429) {
    await delay(5);
    opened = await openStream(rig.appSocket, id);
  }
  assert.equal(opened.response.statusCode, 200);
  for (const stream of [...streams, opened]) stream.close();
});

function megabytesUsed(): number {
  const { external, heapUsed } = process.memoryUsage();
  return (external + heapUsed) / 1024 / 1024;
}

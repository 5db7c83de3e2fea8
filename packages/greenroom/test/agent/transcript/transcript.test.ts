import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import type { ChatEvent, ChatEventBody } from '@greenroom/sdk/chat';
import type { AttemptView } from '@greenroom/sdk/wire';
import fc from 'fast-check';
import { openTranscript, type Transcript } from '../../../src/agent/transcript.ts';

const USER = { id: 'u1', name: 'Ada' };
const RUNNER = { pid: 1, start_ticks: 2, boot_id: 'boot' };

test('a message is taken once, however often it is sent, and queues one turn', (t) => {
  const { transcript } = fresh(t);
  const { id } = transcript.createConversation({ title: '', user: USER });
  const first = transcript.post({ conversation: id, id: 'm1', text: 'Make it blue\nand bold', user: USER });
  const again = transcript.post({ conversation: id, id: 'm1', text: 'Make it blue\nand bold', user: USER });
  assert.deepEqual(again, { ...first, duplicate: true });
  assert.deepEqual(
    transcript.queued().map(({ id: turn, text, message }) => [turn, text, message]),
    [[first.turn, 'Make it blue', 'Make it blue\nand bold']],
  );
  assert.equal(transcript.conversation(id)?.title, 'Make it blue');
  assert.deepEqual(kinds(transcript, id), ['message', 'turn']);
  const elsewhere = transcript.createConversation({ title: 'Other', user: USER });
  assert.equal(transcript.post({ conversation: elsewhere.id, id: 'm1', text: 'x', user: USER }).duplicate, false);
});

test('turns run one at a time, in order, and end once', (t) => {
  const { transcript } = fresh(t);
  const { id } = transcript.createConversation({ title: '', user: USER });
  const turns = ['a', 'b'].map((text) => transcript.post({ conversation: id, id: text, text, user: USER }).turn);
  const taken = transcript.takeTurn(RUNNER);
  assert.equal(taken?.id, turns[0]);
  assert.deepEqual(transcript.running()?.runner, RUNNER);
  assert.equal(transcript.takeTurn(RUNNER), null);
  assert.equal(transcript.delete(id), 'busy');
  assert.equal(transcript.finish(turns[0] ?? '', 'cancelled', { detail: 'by Ada', uncommitted: ['a.txt'] }), true);
  assert.equal(transcript.finish(turns[0] ?? '', 'completed', { detail: '' }), false);
  assert.equal(transcript.takeTurn(RUNNER)?.id, turns[1]);
  const last = transcript.eventsAfter(id, 0, 100).findLast(({ turn }) => turn === turns[0]);
  assert.deepEqual(last && 'status' in last && [last.kind, last.status], ['turn', 'cancelled']);
});

test('a queued turn is withdrawn by finishing it', (t) => {
  const { transcript } = fresh(t);
  const { id } = transcript.createConversation({ title: '', user: USER });
  const { turn } = transcript.post({ conversation: id, id: 'm', text: 'x', user: USER });
  assert.equal(transcript.finish(turn, 'cancelled', { detail: 'withdrawn' }), true);
  assert.equal(transcript.takeTurn(RUNNER), null);
});

test('processes that race for turns each get different ones', async (t) => {
  const { transcript, file } = fresh(t);
  const { id } = transcript.createConversation({ title: '', user: USER });
  const posted = Array.from({ length: 40 }, (_, n) => transcript.post({ conversation: id, id: `m${n}`, text: `${n}`, user: USER }).turn);
  const takers = await Promise.all([1, 2, 3].map(() => output([join(import.meta.dirname, 'taker.ts'), file])));
  const taken = takers.flatMap((text) => text.split('\n').filter(Boolean));
  assert.deepEqual(taken.toSorted(), posted.toSorted());
});

test('processes that open a new transcript at the same moment all have it', async (t) => {
  const { file } = fresh(t);
  const openers = [1, 2, 3].map(() => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'opener.ts'), dirname(file)], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    return { child, answers: createInterface(child.stdout)[Symbol.asyncIterator]() };
  });
  for (let number = 0; number < 60; number++) {
    for (const { child } of openers) child.stdin.write(`${number}\n`);
    const opened = await Promise.all(openers.map(({ answers }) => answers.next()));
    assert.deepEqual(
      opened.map(({ value }) => value),
      openers.map(() => String(number)),
    );
  }
});

test('after kill -9 everything that was said to be written is there, and numbers go on', async (t) => {
  const { transcript, file } = fresh(t);
  const { id } = transcript.createConversation({ title: '', user: USER });
  let expected = 0;
  for (let round = 0; round < 4; round += 1) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), file, id, `t${round}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const closed = once(child, 'close');
    let said = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      assert.equal(line.split(' ')[0], String(said));
      said += 1;
      if (said === 20 + round * 7) child.kill('SIGKILL');
    }
    await closed;
    const written = transcript.eventsAfter(id, 0, 100_000).filter(({ turn }) => turn === `t${round}`);
    assert.ok(written.length >= said && written.length <= said + 1, `${said} said, ${written.length} there`);
    expected += written.length;
  }
  const events = transcript.eventsAfter(id, 0, 100_000);
  assert.equal(events.length, expected);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    [...new Set(events.map(({ seq }) => seq))].toSorted((a, b) => a - b),
  );
  assert.equal(new DatabaseSync(file).prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
});

test('writing by another process calls the watcher', async (t) => {
  const { transcript, file } = fresh(t);
  const { id } = transcript.createConversation({ title: '', user: USER });
  const other = openTranscript(file);
  t.after(() => other.close());
  const seen = Promise.withResolvers<void>();
  const stop = transcript.watch(() => {
    if (transcript.eventsAfter(id, 0, 10).length > 0) seen.resolve();
  });
  other.append({ conversation: id, turn: '' }, { kind: 'notice', level: 'info', text: 'hello' });
  await seen.promise;
  stop();
});

test('of an attempt each version is told once, by whoever is first, and never backwards', (t) => {
  const { transcript, file } = fresh(t);
  const other = openTranscript(file);
  t.after(() => other.close());
  const { id } = transcript.createConversation({ title: '', user: USER });
  const place = { conversation: id, turn: 't' };
  const at = (status: string): AttemptView => ({ id: 'd1', status }) as AttemptView;
  assert.ok(transcript.appendAttempt(place, 5, at('running')));
  assert.equal(other.appendAttempt(place, 5, at('running')), null);
  assert.ok(other.appendAttempt(place, 7, at('succeeded')));
  assert.equal(transcript.appendAttempt(place, 6, at('running')), null);
  assert.equal(transcript.appendAttempt({ conversation: 'none', turn: '' }, 9, at('x')), null);
  const { events } = transcript.page(id, { limit: 10 });
  assert.deepEqual(
    events.map((event) => event.kind === 'attempt' && [event.attempt.status, event.seq - (event.first_seq ?? 0)]),
    [['succeeded', 1]],
  );
});

test('requests reach the turn they are for, in order, and go with it', (t) => {
  const { transcript } = fresh(t);
  const { id } = transcript.createConversation({ title: '', user: USER });
  const { turn } = transcript.post({ conversation: id, id: 'm', text: 'x', user: USER });
  transcript.takeTurn(RUNNER);
  transcript.request(turn, { kind: 'permission', request: 'r1', option: 'yes', by: 'Ada' });
  transcript.request(turn, { kind: 'cancel', by: 'Ada' });
  const [first, second] = transcript.requests(turn, 0);
  assert.deepEqual([first?.kind, second?.kind], ['permission', 'cancel']);
  assert.deepEqual(
    transcript.requests(turn, first?.id ?? 0).map(({ kind }) => kind),
    ['cancel'],
  );
  transcript.finish(turn, 'cancelled', { detail: '' });
  assert.deepEqual(transcript.requests(turn, 0), []);
});

test('a deleted conversation is in no file any more; old ones are pruned, those at work are not', (t) => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const { transcript, file } = fresh(t, () => now);
  const [old, busy] = ['old', 'busy'].map((title) => transcript.createConversation({ title, user: USER }));
  transcript.append({ conversation: old?.id ?? '', turn: '' }, { kind: 'notice', level: 'info', text: 'unforgettable words' });
  transcript.post({ conversation: busy?.id ?? '', id: 'm', text: 'waits', user: USER });
  now += 10 * 86_400_000;
  const recent = transcript.createConversation({ title: 'recent', user: USER });
  assert.equal(transcript.prune(new Date(now - 86_400_000)), 1);
  assert.deepEqual(
    transcript.conversations().map(({ title }) => title),
    ['recent', 'busy'],
  );
  assert.equal(transcript.delete(recent.id), true);
  assert.equal(transcript.delete(recent.id), false);
  const folder = join(file, '..');
  for (const name of readdirSync(folder)) assert.ok(!readFileSync(join(folder, name)).includes('unforgettable'), name);
  assert.throws(
    () => transcript.append({ conversation: old?.id ?? '', turn: '' }, { kind: 'notice', level: 'info', text: 'late' }),
    /no conversation/,
  );
});

test('only its owner may read it, and a newer format is refused with a sentence', (t) => {
  const { transcript, file } = fresh(t);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(file, '..')).mode & 0o777, 0o700);
  transcript.close();
  const raw = new DatabaseSync(file);
  raw.exec('PRAGMA user_version = 99');
  raw.close();
  assert.throws(() => openTranscript(file), /newer version of Greenroom \(transcript format 99\)/);
});

test('100,000 events: the first page reads what it shows and a little more', (t) => {
  const { transcript, file } = fresh(t);
  const { id } = transcript.createConversation({ title: 'long', user: USER });
  const raw = new DatabaseSync(file);
  raw.exec('BEGIN');
  const insert = raw.prepare("INSERT INTO events (conversation, turn, kind, time, body) VALUES (?, 't', ?, 0, ?)");
  for (let n = 0; n < 100_000; n += 1) {
    const body =
      n % 10 === 9 ? { kind: 'notice', level: 'info', text: `${n}` } : { kind: 'text', block: `b${Math.floor(n / 10)}`, delta: `${n} ` };
    insert.run(id, body.kind, JSON.stringify(body));
  }
  raw.exec('COMMIT');
  raw.close();
  const started = performance.now();
  const { events, more } = transcript.page(id, { limit: 300 });
  t.diagnostic(`first page of 100,000 events in ${(performance.now() - started).toFixed(1)} ms`);
  assert.equal(more, true);
  assert.equal(events.length, 300);
  assert.equal(events.at(-1)?.seq, transcript.conversation(id)?.last_seq);
  assert.ok((events[0]?.first_seq ?? 0) > 98_000);
});

test('pages together say what the events said, and cut no block and no titled call', (t) => {
  const bodies = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constantFrom('text' as const, 'thought' as const),
        block: fc.constantFrom('a', 'b'),
        delta: fc.string({ maxLength: 3 }),
      }),
      fc.record({
        kind: fc.constant('tool' as const),
        call: fc.constantFrom('1', '2'),
        status: fc.constantFrom('pending' as const, 'completed' as const),
      }),
      fc.record({ kind: fc.constant('notice' as const), level: fc.constant('info' as const), text: fc.string({ maxLength: 3 }) }),
    ),
    { maxLength: 40 },
  );
  const { transcript } = fresh(t);
  fc.assert(
    fc.property(bodies, fc.integer({ min: 1, max: 6 }), (list, limit) => {
      const { id } = transcript.createConversation({ title: 'x', user: USER });
      const titled = new Set<string>();
      const told: ChatEventBody[] = list.map((body) => {
        if (body.kind !== 'tool' || titled.has(body.call)) return body;
        titled.add(body.call);
        return { ...body, title: `call ${body.call}` };
      });
      for (const body of told) transcript.append({ conversation: id, turn: 't' }, body);
      const paged: ChatEvent[] = [];
      for (let before: number | undefined; ; ) {
        const page = transcript.page(id, { limit, ...(before === undefined ? {} : { before }) });
        paged.unshift(...page.events);
        if (!page.more) break;
        const [first] = page.events;
        before = first?.first_seq ?? first?.seq;
      }
      assert.equal(textOf(paged), textOf(told));
      const calls = paged.filter(({ kind }) => kind === 'tool').map((event) => (event.kind === 'tool' ? event.call : ''));
      assert.deepEqual(calls.toSorted(), [...titled].toSorted());
      for (const event of paged) {
        if (event.kind !== 'tool') continue;
        assert.equal(event.status, lastStatus(told, event.call));
        assert.ok((event.first_time ?? event.time) <= event.time);
      }
    }),
    { numRuns: 60 },
  );
});

function textOf(events: readonly ChatEventBody[]): string {
  return events.map((event) => ('delta' in event ? event.delta : event.kind === 'notice' ? `[${event.text}]` : '')).join('');
}

function lastStatus(events: readonly ChatEventBody[], call: string): string | undefined {
  const last = events.findLast((event) => event.kind === 'tool' && event.call === call);
  return last?.kind === 'tool' ? last.status : undefined;
}

function fresh(t: TestContext, now?: () => number): { transcript: Transcript; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'transcript-'));
  const file = join(folder, 'agent', 'transcript.db');
  const transcript = openTranscript(file, now);
  t.after(() => {
    try {
      transcript.close();
    } catch (error) {
      // The test closed it.
      assert.match(String(error), /not open/);
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return { transcript, file };
}

function kinds(transcript: Transcript, conversation: string): string[] {
  return transcript.eventsAfter(conversation, 0, 100).map(({ kind }) => kind);
}

async function output(args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  return text;
}

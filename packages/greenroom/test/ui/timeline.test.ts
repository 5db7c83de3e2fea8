import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { ChatEvent, ChatEventBody, ChatPage } from '@greenroom/sdk/chat';
import fc from 'fast-check';
import { createMerger } from '../../src/agent/transcript/merge.ts';
import { createTimeline, type Item, type Timeline } from '../../ui/assets/timeline.ts';
import { ADA } from './fixture.ts';
import { attempt } from './story.ts';

const name = fc.integer({ min: 0, max: 3 }).map(String);
const body: fc.Arbitrary<ChatEventBody> = fc.oneof(
  fc.record({ kind: fc.constantFrom('text' as const, 'thought' as const), block: name, delta: fc.string({ minLength: 1, maxLength: 3 }) }),
  fc
    .record(
      {
        call: name,
        status: fc.constantFrom('pending' as const, 'in_progress' as const, 'completed' as const),
        input: fc.string({ maxLength: 2 }),
      },
      { requiredKeys: ['call'] },
    )
    .map((fields) => ({ kind: 'tool' as const, ...fields, title: `call ${fields.call}` })),
  fc.nat({ max: 99_999 }).map((id) => ({ kind: 'message' as const, id: `m${id}`, text: `${id}`, user: ADA })),
  fc
    .record({ id: name, journal_seq: fc.nat({ max: 9 }) })
    .map(({ id, journal_seq }) => ({ kind: 'attempt' as const, journal_seq, attempt: attempt({ id, duration_ms: journal_seq }) })),
  fc
    .record({ request: name, status: fc.constantFrom('asked' as const, 'answered' as const) })
    .map((fields) => ({ kind: 'permission' as const, ...fields, call: 'c', title: 't', options: [] })),
  fc
    .constantFrom('running' as const, 'completed' as const, 'interrupted' as const)
    .map((status) => ({ kind: 'turn' as const, status, detail: '' })),
  fc.constant({ kind: 'notice' as const, level: 'info' as const, text: 'n' }),
);
const events = fc.array(fc.record({ turn: fc.constantFrom('t1', 't2'), body }), { minLength: 1, maxLength: 80 });

/** What is seen: without the places and times of what came in parts. */
function seen(timeline: Timeline): unknown[] {
  const turns = [...timeline.turns].sort().map(([id, { status, last }]) => [id, status, last]);
  const items = timeline.chunks.flatMap((chunk) => chunk.items.map((item: Item) => ({ ...item, time: '', until: '' })));
  return [...turns, ...items];
}

function whole(all: ChatEvent[]): unknown[] {
  const timeline = createTimeline();
  timeline.append(all);
  return seen(timeline);
}

type Said = { turn: string; body: ChatEventBody }[];

/** As the transcript keeps it: an older version of an attempt is not appended after a newer one. */
function write(list: Said, all: ChatEvent[] = []): ChatEvent[] {
  for (const { turn, body: said } of list) {
    const one = of(turn, said);
    const isOld = (event: ChatEvent): boolean =>
      one.kind === 'attempt' && event.kind === 'attempt' && event.attempt.id === one.attempt.id && event.journal_seq >= one.journal_seq;
    if (!all.some(isOld)) all.push({ seq: all.length + 1, time: '2026-02-03T10:00:00Z', conversation: 'c', turn, ...one });
  }
  return all;
}

/** Deploys and questions belong to one turn. */
function of(turn: string, said: ChatEventBody): ChatEventBody {
  if (said.kind === 'attempt') return { ...said, attempt: { ...said.attempt, id: `${turn} ${said.attempt.id}` } };
  return said.kind === 'permission' ? { ...said, request: `${turn} ${said.request}` } : said;
}

/** As the transcript answers it, put together by its own rules. */
function page(all: ChatEvent[], before: number, limit: number): ChatPage {
  const merger = createMerger();
  for (const event of all.filter(({ seq }) => seq < before).reverse()) {
    if (merger.size >= limit && merger.mayEndBefore(event)) return { events: merger.events(), more: true };
    merger.add(event);
  }
  return { events: merger.events(), more: false };
}

function readToTheStart(timeline: Timeline, all: ChatEvent[], limit: number): void {
  while (timeline.more) timeline.prepend(page(all, timeline.oldest, limit));
}

const FIRST = Number.POSITIVE_INFINITY;

test('pages of any size and a stream from any place show the same as all events in their order', () => {
  fc.assert(
    fc.property(events, fc.integer({ min: 1, max: 12 }), fc.array(fc.nat({ max: 80 }), { maxLength: 4 }), (list, limit, cuts) => {
      const all = write(list);
      const timeline = createTimeline();
      timeline.prepend(page(all, FIRST, limit));
      // Parts of the stream come twice, as after a lost connection.
      for (const cut of cuts) timeline.append(all.slice(cut));
      readToTheStart(timeline, all, limit);
      assert.deepEqual(seen(timeline), whole(all));
      assert.equal(timeline.newest, all.length);
    }),
  );
});

test('events that come while older pages are read', () => {
  fc.assert(
    fc.property(events, events, fc.integer({ min: 1, max: 8 }), (first, then, limit) => {
      const all = write(first);
      const timeline = createTimeline();
      timeline.prepend(page(all, FIRST, limit));
      for (const said of then) {
        write([said], all);
        timeline.append(all.slice(timeline.newest));
        if (timeline.more) timeline.prepend(page(all, timeline.oldest, limit));
      }
      readToTheStart(timeline, all, limit);
      assert.deepEqual(seen(timeline), whole(all));
    }),
  );
});

test('what was forgotten is the same when it is read again', () => {
  fc.assert(
    fc.property(fc.array(events, { minLength: 3, maxLength: 6 }), fc.nat({ max: 60 }), (lists, limit) => {
      // Turns of their own for each part, so that there are places where nothing goes on.
      const all = write(lists.flatMap((list, part) => list.map(({ turn, body: one }) => ({ turn: `${turn}-${part}`, body: one }))));
      const timeline = createTimeline();
      timeline.append(all);
      timeline.trim(limit);
      readToTheStart(timeline, all, 25);
      assert.deepEqual(seen(timeline), whole(all));
    }),
  );
});

test('a long timeline forgets its beginning', () => {
  const timeline = createTimeline();
  const at = { time: '', conversation: 'c', turn: 't' };
  timeline.append(Array.from({ length: 5_000 }, (_, index) => ({ ...at, seq: index + 1, kind: 'notice', level: 'info', text: '' })));
  timeline.trim(1_000);
  assert.ok(timeline.size >= 1_000 && timeline.size < 1_050);
  assert.ok(timeline.more);
  assert.equal(timeline.oldest, timeline.chunks[0]?.items[0]?.seq);
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Delivery, type NewJob, type Outbox, type OutboxOptions, openOutbox } from '../../src/orchestrator/adapters/outbox.ts';
import { temporaryFolder } from './rig.ts';

const job = (id: string, key = 'k'): NewJob => ({ id, kind: 'note', key, payload: { id } });
const idOf = (payload: unknown): string => (payload as { id: string }).id;
const never = new AbortController().signal;

interface Rig {
  folder: string;
  done: string[];
  logged: string[];
  clock: { now: number };
  answer: (id: string) => Delivery | Promise<Delivery>;
  open(more?: Partial<OutboxOptions>): Promise<Outbox>;
}

function rig(t: TestContext): Rig {
  const it: Rig = {
    folder: join(temporaryFolder(t), 'outbox'),
    done: [],
    logged: [],
    clock: { now: 1_000_000 },
    answer: () => ({ outcome: 'done' }),
    open: (more) =>
      openOutbox({
        folder: it.folder,
        handlers: {
          note: async (payload) => {
            const delivery = await it.answer(idOf(payload));
            if (delivery.outcome === 'done') it.done.push(idOf(payload));
            return delivery;
          },
        },
        log: (message) => void it.logged.push(message),
        now: () => it.clock.now,
        random: () => 0.5,
        ...more,
      }),
  };
  return it;
}

test('jobs of one key are delivered in order, also when the first has to wait; other keys pass it', async (t) => {
  const it = rig(t);
  let failing = true;
  it.answer = (id) => (id === 'a1' && failing ? { outcome: 'retry', error: 'not now' } : { outcome: 'done' });
  const outbox = await it.open();
  // Not awaited one by one: the order of the calls counts.
  await Promise.all([job('a1', 'a'), job('a2', 'a'), job('b1', 'b'), job('a3', 'a')].map((each) => outbox.enqueue(each)));
  assert.deepEqual(await outbox.drain(never), { done: 1, retried: 1, dead: 0 });
  assert.deepEqual(it.done, ['b1']);
  assert.deepEqual(await outbox.drain(never), { done: 0, retried: 0, dead: 0 }, 'not before its time');
  failing = false;
  it.clock.now = outbox.pending().next;
  await outbox.drain(never);
  assert.deepEqual(it.done, ['b1', 'a1', 'a2', 'a3']);
  assert.equal(outbox.pending().next, 0);
});

test('retries double their distance with jitter up to a longest one, and wait longer when told to', async (t) => {
  const it = rig(t);
  let afterMs = 0;
  it.answer = () => ({ outcome: 'retry', error: 'down', afterMs });
  const outbox = await it.open({ firstRetryMs: 1_000, longestRetryMs: 10_000 });
  await outbox.enqueue(job('a'));
  const waits: number[] = [];
  for (let round = 0; round < 6; round++) {
    if (round === 5) afterMs = 60_000;
    await outbox.drain(never);
    waits.push(outbox.pending().next - it.clock.now);
    it.clock.now = outbox.pending().next;
  }
  assert.deepEqual(waits, [750, 1_500, 3_000, 6_000, 7_500, 60_000]);
  assert.equal(outbox.pending().lastError, 'down');
});

test('an id is done once: while it waits, when it is done, and after a restart', async (t) => {
  const it = rig(t);
  let outbox = await it.open();
  assert.deepEqual(await Promise.all([outbox.enqueue(job('a')), outbox.enqueue(job('a'))]), ['queued', 'known']);
  outbox = await it.open();
  assert.equal(await outbox.enqueue(job('a')), 'known');
  await outbox.drain(never);
  assert.equal(await outbox.enqueue(job('a')), 'known');
  outbox = await it.open();
  assert.equal(await outbox.enqueue(job('a')), 'known');
  await outbox.drain(never);
  assert.deepEqual(it.done, ['a']);
});

test('the outbox is bounded, waiting and finished', async (t) => {
  const it = rig(t);
  const outbox = await it.open({ maxPending: 3, keepFinished: 2 });
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((id) => outbox.enqueue(job(id))));
  assert.deepEqual(answers, ['queued', 'queued', 'queued', 'full']);
  await outbox.drain(never);
  assert.deepEqual(it.done, ['a', 'b', 'c']);
  assert.equal(readdirSync(join(it.folder, 'done')).length, 2);
  assert.equal(await outbox.enqueue(job('d')), 'queued', 'what was refused may come again');
});

test('what cannot be delivered is set aside: refused, unknown, too old', async (t) => {
  const it = rig(t);
  it.answer = (id) => (id === 'bad' ? { outcome: 'refused', error: 'never' } : { outcome: 'retry', error: 'down' });
  const outbox = await it.open({ giveUpAfterMs: 10_000 });
  await outbox.enqueue(job('bad'));
  await outbox.enqueue({ ...job('alien'), kind: 'constructor' });
  await outbox.enqueue(job('old', 'other'));
  assert.deepEqual(await outbox.drain(never), { done: 0, retried: 1, dead: 2 });
  it.clock.now += 11_000;
  assert.deepEqual(await outbox.drain(never), { done: 0, retried: 0, dead: 1 });
  assert.deepEqual(outbox.pending(), { waiting: 0, dead: 3, oldest: 0, next: 0, lastError: '' });
  assert.equal(it.logged.length, 3);
  assert.match(it.logged[0] ?? '', /Gave up on note \(bad\) after 1 attempts: never/);
  assert.equal((await it.open()).pending().dead, 3);
});

test('a delivery that breaks stops the others only for a while', async (t) => {
  const it = rig(t);
  it.answer = (id) => (id === 'poison' ? Promise.reject(new Error('a bug')) : { outcome: 'done' });
  const outbox = await it.open();
  await outbox.enqueue(job('poison'));
  await outbox.enqueue(job('after'));
  let rounds = 0;
  for (; outbox.pending().waiting > 0 && rounds < 20; rounds++) {
    await outbox.drain(never);
    it.clock.now += 3_600_000;
  }
  assert.equal(rounds, 9);
  assert.deepEqual(it.done, ['after']);
  assert.match(it.logged.at(-1) ?? '', /it broke off 8 times\. the delivery broke: Error: a bug/);
});

test('an entry that cannot be read is set aside, and a half-written one disappears', async (t) => {
  const it = rig(t);
  await (await it.open()).enqueue(job('a'));
  writeFileSync(join(it.folder, '000000000000.json'), '{"seq":');
  writeFileSync(join(it.folder, '000000000009.json.4711.tmp'), '{"seq":');
  const outbox = await it.open();
  await outbox.drain(never);
  assert.deepEqual(it.done, ['a']);
  assert.match(it.logged[0] ?? '', /000000000000\.json cannot be read and was set aside/);
  assert.deepEqual(readdirSync(it.folder).sort(), ['dead', 'done']);
  assert.equal(readFileSync(join(it.folder, 'dead', '000000000000.json'), 'utf8'), '{"seq":');
});

test('two drains at once deliver once, and a stop ends a drain between jobs', async (t) => {
  const it = rig(t);
  const stop = new AbortController();
  it.answer = (id) => {
    if (id === 'b') stop.abort();
    return { outcome: 'done' };
  };
  const outbox = await it.open();
  for (const id of ['a', 'b', 'c']) await outbox.enqueue(job(id));
  await Promise.all([outbox.drain(stop.signal), outbox.drain(never)]);
  assert.deepEqual(it.done, ['a', 'b']);
  assert.equal(outbox.pending().waiting, 1);
});

test('numbers go on after a restart with everything delivered, so that nothing is overwritten', async (t) => {
  const it = rig(t);
  let outbox = await it.open();
  await outbox.enqueue(job('a'));
  await outbox.drain(never);
  outbox = await it.open();
  await outbox.enqueue(job('b'));
  await outbox.drain(never);
  assert.equal(readdirSync(join(it.folder, 'done')).length, 2);
});

import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { ChatEvent, ChatEventBody } from '@greenroom/sdk/chat';
import { ADA } from '../fixture.ts';
import { type Play, read, until } from '../stage.ts';

const EVENTS = 100_000;
const OPEN_WITHIN_MS = 1_000;
const TIMES_BEGIN = 3;
/** Elements in the document, whatever was scrolled through. */
const MOST_ELEMENTS = 6_000;

/** A transcript of 100,000 events. */
export function large(play: Play): void {
  test(
    '100,000 events open within a second, scroll back without a jump, and keep the document small',
    play(async ({ fixture, page, open }) => {
      const { id } = fixture.conversation('Long');
      fixture.load(id, events(id));
      await open();
      await page.getByText(`Answer ${EVENTS - 2}.`).waitFor();
      // From the request of the events to their picture. A machine that does much else is slow with what comes before it too, which is the same for any conversation.
      const [begun, drawn] = await page.evaluate<[number, number]>(`(() => {
        const asked = performance.getEntriesByType('resource').find((one) => /events/.test(one.name));
        return [asked.startTime, performance.now() - asked.startTime];
      })()`);
      const told = `the page began after ${Math.round(begun)} ms; from the first request to the picture: ${Math.round(drawn)} ms`;
      assert.ok(drawn < Math.max(OPEN_WITHIN_MS, TIMES_BEGIN * begun), told);

      const count = "chat.querySelectorAll('*').length";
      const chunks = "chat.querySelectorAll('.chunk').length";
      for (let round = 0; round < 8; round++) {
        const known = await read<number>(page, chunks);
        await read(page, "chat.querySelector('.log').scrollTop = 0");
        await until(page, `${chunks} > ${known}`);
        assert.ok((await read<number>(page, count)) < MOST_ELEMENTS, `${await read(page, count)} elements`);
      }

      // What the reader looks at stays in its place while older text comes in above.
      await until(page, "chat.querySelector('.log').scrollTop > 800");
      const held = Promise.withResolvers<void>();
      await page.route('**/events?*', (route) => held.promise.then(() => route.continue()));
      await read(page, "chat.querySelector('.log').scrollTop = 700");
      await until(page, `${FIRST_SEEN}.top < 200`);
      const first = await read<{ key: string; top: number }>(page, FIRST_SEEN);
      const height = await read<number>(page, "chat.querySelector('.log').scrollHeight");
      held.resolve();
      await until(page, `chat.querySelector('.log').scrollHeight > ${height}`);
      const after = await read<number>(page, `chat.querySelector('[data-key="${first.key}"]').getBoundingClientRect().top`);
      assert.ok(Math.abs(after - first.top) < 2, `moved by ${after - first.top} px`);

      await page.getByRole('button', { name: 'Jump to latest' }).click();
      await page.getByText(`Answer ${EVENTS - 2}.`).waitFor();
    }),
  );
}

const FIRST_SEEN = `(() => {
  const edge = chat.querySelector('.log').getBoundingClientRect().top;
  const item = [...chat.querySelectorAll('.item')].find((one) => one.getBoundingClientRect().top > edge);
  return { key: item.dataset.key, top: item.getBoundingClientRect().top };
})()`;

function events(conversation: string): ChatEvent[] {
  const time = new Date().toISOString();
  return Array.from({ length: EVENTS }, (_, index) => {
    const seq = index + 1;
    return { seq, time, conversation, turn: `t${Math.floor(index / 40)}`, ...bodyOf(seq) };
  });
}

function bodyOf(seq: number): ChatEventBody {
  if (seq % 40 === 1) return { kind: 'message', id: `m${seq}`, text: `Question ${seq}`, user: ADA };
  if (seq % 4 === 2) return { kind: 'text', block: `b${seq}`, delta: `Answer ${seq}. It has **some** words, and \`code\`.` };
  return { kind: 'tool', call: `k${seq}`, title: `Read file ${seq}.ts`, tool: 'read', status: 'completed' };
}

import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import fc from 'fast-check';
import { createEventReader, type ServerEvent } from '../../ui/assets/sse.ts';
import { bytes, cut, duration, inert, inertLine } from '../../ui/assets/text.ts';

test('nothing in a text moves, hides or reorders', () => {
  assert.equal(inert('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007x \u001b]8;;http://a\u001b\\y \u009b2Jz'), 'red x y z');
  assert.equal(inert('a\rb\r\nc\u0000\u0007\u007f'), 'a\nb\nc␀␇␡');
  assert.equal(inert('\u202Egnp.exe\u2066'), '‹U+202E›gnp.exe‹U+2066›');
  assert.equal(inertLine(' one\n\ttwo '), 'one two');
  // What scripts and emoji are made of stays.
  assert.equal(inert('👩‍💻 नमस्ते می‌خواهم'), '👩‍💻 नमस्ते می‌خواهم');
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 0x20_80 })), (codes) => {
      const text = String.fromCharCode(...codes);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
      assert.doesNotMatch(inert(text), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test('numbers for people', () => {
  assert.deepEqual([duration(431.6), duration(1_940), duration(125_400)], ['432 ms', '1.9 s', '2 min 5 s']);
  assert.deepEqual([bytes(1), bytes(999), bytes(52_000), bytes(50_000_000)], ['1 byte', '999 bytes', '52 kB', '50.0 MB']);
  assert.equal(cut('ab👩', 3), 'ab…');
});

test('a stream of events is read the same, however it is cut', () => {
  const text =
    ': comment\n\nid: 1\nevent: chat\ndata: {"a":\ndata: 1}\n\nretry: 5\n\nevent: state\r\ndata:x\r\n\r\nid: 2\rdata: y\r\rdata: unfinished';
  const expected = [
    { id: '1', event: 'chat', data: '{"a":\n1}' },
    { id: '1', event: 'state', data: 'x' },
    { id: '2', event: 'message', data: 'y' },
  ];
  fc.assert(
    fc.property(fc.array(fc.nat({ max: text.length })), (cuts) => {
      const found: ServerEvent[] = [];
      const take = createEventReader((event) => found.push(event));
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      for (const [index, place] of places.entries()) take(text.slice(place, places[index + 1] ?? text.length));
      assert.deepEqual(found, expected);
    }),
  );
});

import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { createShortener, takeMarks } from '../../../src/agent/acp/shorten.ts';
import { createAgentStream } from '../../../src/agent/acp/stream.ts';
import { baseEnvironment } from '../../../src/agent/launch.ts';
import { mayBeginTurn } from '../../../src/agent/limits.ts';
import { diffContent } from '../../../src/agent/runner/diff.ts';
import { shorten, showPath } from '../../../src/agent/runner/text.ts';
import { createToolMapper } from '../../../src/agent/runner/tool.ts';
import { createMasker } from '../../../src/masking/masker.ts';
import { createWorld, USER } from './rig.ts';

const HEAD = 20;
const TAIL = 8;

/** In pieces of every size, as pipes deliver it. */
function shortened(text: string, pieces: readonly number[]): string {
  const bytes = Buffer.from(text);
  const shortener = createShortener(HEAD, TAIL);
  let from = 0;
  for (const piece of pieces) {
    shortener.push(bytes.subarray(from, from + piece));
    from += piece;
  }
  shortener.push(bytes.subarray(from));
  return shortener.end().toString('utf8');
}

test('a shortened document is JSON of the same shape; short strings are untouched, long ones keep both ends', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.string({ unit: 'binary', maxLength: 80 }));
  const value = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(text, fc.array(text, { maxLength: 4 }), fc.integer()));
  fc.assert(
    fc.property(value, fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 }), (document, pieces) => {
      const back = JSON.parse(shortened(JSON.stringify(document), pieces)) as unknown;
      compare(JSON.parse(JSON.stringify(document)), back);
    }),
    { numRuns: 100 },
  );
});

function compare(before: unknown, after: unknown): void {
  if (typeof before === 'string' && typeof after === 'string') compareText(before, after);
  else if (typeof before === 'object' && before !== null && typeof after === 'object' && after !== null) {
    assert.deepEqual(Object.keys(after), Object.keys(before));
    for (const key of Object.keys(before)) compare((before as Record<string, unknown>)[key], (after as Record<string, unknown>)[key]);
  } else assert.equal(after, before);
}

function compareText(before: string, after: string): void {
  const { head, tail, omitted } = takeMarks(after);
  if (omitted === 0) assert.equal(after, before);
  else assert.ok(before.startsWith(head.slice(0, -1)) && before.endsWith(tail.slice(1)), `${before} → ${after}`);
}

test('messages come out whole and in order however the pipe cuts them, and noise beside them', async () => {
  const noise: string[] = [];
  const long = 'y'.repeat(3_000_000);
  const text = ['{"id":1}', 'hello', '', '{"id":2,"s":"ü\\u00fc"}', `{"id":3,"s":"${long}"}`, '[1]', '{"id":4}'].join('\r\n');
  const bytes = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 65_537) }, (_, index) =>
    bytes.subarray(index * 65_537, (index + 1) * 65_537),
  );
  const { readable } = createAgentStream(new Writable(), Readable.from(chunks), (line) => noise.push(line));
  const got: { id?: number; s?: string }[] = [];
  for await (const message of readable) got.push(message as { id?: number });
  assert.deepEqual(
    got.map(({ id }) => id),
    [1, 2, 3, 4],
  ); // prettier-ignore
  assert.equal(got[1]?.s, 'üü');
  assert.ok((got[2]?.s?.length ?? 0) < 700_000);
  assert.deepEqual(noise, ['hello', '[1]']);
});

test('long text keeps whole characters at both ends and says how much is missing', () => {
  const { text, omitted } = shorten('ü'.repeat(1_000), 101);
  assert.match(text, /^ü+\n…\nü+$/);
  assert.equal(Buffer.byteLength(text.replace('\n…\n', '')) + (omitted ?? 0), 2_000);
  assert.deepEqual(shorten('short', 100), { text: 'short' });
  assert.equal(showPath('/w/a/../b.txt', '/w'), 'b.txt');
  assert.equal(showPath('/etc/passwd', '/w'), '/etc/passwd');
  assert.equal(showPath('/workspace-other/x', '/work'), '/workspace-other/x');
});

test('a diff has hunks, counts, and an end', () => {
  const added = diffContent('a', null, 'x\ny\n');
  assert.deepEqual([added.change, added.diff, added.added, added.removed], ['added', '@@ -0,0 +1,2 @@\n+x\n+y', 2, 0]);
  const before = Array.from({ length: 5_000 }, (_, line) => `line ${line}`).join('\n');
  const changed = diffContent('a', before, before.replaceAll('line', 'row'));
  assert.ok(changed.diff.length <= 33_000 && (changed.omitted ?? 0) > 0);
  assert.deepEqual([changed.added, changed.removed], [5_000, 5_000]);
});

test('a secret in pieces is held back until it is known to be one', () => {
  const masker = createMasker(['s3cret-value', 'shor', 'line one of key\nline two of key']);
  assert.equal(masker.doubtful('the s3cre'), 5);
  assert.equal(masker.doubtful('the end'), 0);
  assert.equal(masker.whole('s3cret-value, line two of key'), '[hidden], [hidden]');
  assert.equal(masker.whole('short'), 'short');
  assert.deepEqual(masker.deep({ a: ['s3cret-value'], b: 1 }), { a: ['[hidden]'], b: 1 });
});

test('an update that says nothing new makes no event; output without content is shown', () => {
  const tools = createToolMapper('/w');
  assert.deepEqual(tools.map({ toolCallId: 'a', rawInput: { command: ['ls', '-l'] } }), {
    kind: 'tool',
    call: 'a',
    title: 'tool',
    status: 'pending',
    input: 'ls -l',
  }); // prettier-ignore
  assert.equal(tools.map({ toolCallId: 'a', rawInput: { command: ['ls', '-l'] }, status: null }), null);
  assert.deepEqual(tools.open(), ['a']);
  assert.deepEqual(tools.map({ toolCallId: 'a', status: 'completed', rawOutput: { stdout: 'total 0' } }), {
    kind: 'tool',
    call: 'a',
    status: 'completed',
    content: [{ type: 'text', text: 'total 0' }],
  }); // prettier-ignore
  assert.deepEqual(tools.open(), []);
});

test('turns are counted over the last hour, in all conversations', (t) => {
  const world = createWorld(t);
  const limit = { turns_per_hour: 2 };
  assert.deepEqual(mayBeginTurn(world.transcript, limit, new Date()), { ok: true });
  world.post('one');
  const other = world.transcript.createConversation({ title: '', user: USER });
  world.transcript.post({ conversation: other.id, id: 'm', text: 'two', user: USER });
  const refused = mayBeginTurn(world.transcript, limit, new Date());
  assert.ok(!refused.ok && /2 are allowed.*Try again in 60 min/.test(refused.problem) && refused.retryAfterMs > 3_500_000);
  assert.deepEqual(mayBeginTurn(world.transcript, { turns_per_hour: 0 }, new Date()), { ok: true });
  assert.deepEqual(mayBeginTurn(world.transcript, limit, new Date(Date.now() + 3_600_001)), { ok: true });
});

test('a runner’s environment finds what is installed below the home, and the Node that runs', () => {
  const env = baseEnvironment({ PATH: '/usr/bin:relative', HOME: '/home/ada', https_proxy: 'http://p', AWS_SECRET: 'x', KEY: 'k' }, [
    'KEY',
  ]);
  assert.deepEqual(Object.keys(env).sort(), ['HOME', 'KEY', 'PATH', 'https_proxy']);
  assert.match(env['PATH'] ?? '', /^\/usr\/bin:\/home\/ada\/\.local\/bin:/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionUpdate } from '@agentclientprotocol/sdk';
import { runTurn } from '../../../src/agent/runner.ts';
import { createWorld } from './rig.ts';

test('50 MB of output in one message cost neither memory nor room, and say how much is missing', async (t) => {
  const world = createWorld(t);
  world.post([{ big: 50_000_000 }, { say: 'after' }]);
  const before = process.memoryUsage.rss();
  assert.equal(await runTurn(world.options()), 'completed');
  assert.ok(process.memoryUsage.rss() - before < 150_000_000, 'memory grew with the output');
  const tool = world.events().find((event) => event.kind === 'tool');
  const [content] = (tool?.kind === 'tool' && tool.content) || [];
  assert.ok(content?.type === 'text');
  assert.ok(content.text.length < 40_000);
  assert.match(content.text, /^begin x+\n…\nx+ end$/);
  assert.ok((content.omitted ?? 0) > 49_900_000);
  assert.equal(world.said(), 'after');
});

test('output that comes in a thousand growing pieces is written a few times, its end always', async (t) => {
  const world = createWorld(t);
  const piece = (text: string): { update: SessionUpdate } => ({
    update: { sessionUpdate: 'tool_call_update', toolCallId: 'g', content: [{ type: 'content', content: { type: 'text', text } }] },
  });
  const steps = Array.from({ length: 300 }, (_, line) => piece(`${'line of output\n'.repeat(10)}${line}`));
  world.post([{ update: { sessionUpdate: 'tool_call', toolCallId: 'g', title: 'grow' } }, ...steps]);
  assert.equal(await runTurn(world.options()), 'completed');
  const shown = world.events().flatMap((event) => (event.kind === 'tool' && event.content ? [event.content] : []));
  assert.ok(shown.length < 50, `${shown.length} events`);
  const end = shown.at(-1)?.[0];
  assert.ok(end?.type === 'text' && end.text.endsWith('\n299'));
  // It never ended by itself, and is not shown as if it went on for ever.
  assert.equal(world.events().findLast((event) => event.kind === 'tool')?.kind === 'tool', true);
});

test('escapes, controls and marks that reorder text do not get through', async (t) => {
  const world = createWorld(t);
  const evil = '\u001b]0;owned\u0007\u001b[31mred\u001b[0m\u202etxt.exe\u0000\u009b2J';
  world.post([
    { say: `a${evil}b\r\nc\ud800` },
    {
      update: {
        sessionUpdate: 'tool_call',
        toolCallId: evil,
        title: `${evil}\nsecond line`,
        locations: [{ path: `../../etc/${evil}` }, { path: `${world.layout.workspace}/<img src=x onerror=alert(1)>.js` }],
        content: [
          { type: 'diff', path: `${world.layout.workspace}/a\nb.txt`, oldText: null, newText: `one ${evil}\n` },
          { type: 'content', content: { type: 'image', data: 'AAAA', mimeType: 'image/png' } },
        ],
      },
    },
    { update: { sessionUpdate: 'unheard_of', anything: 1 } as unknown as SessionUpdate },
  ]);
  assert.equal(await runTurn(world.options()), 'completed');
  const own = world.events().filter((event) => event.kind !== 'message');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
  const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
  for (const event of own) for (const text of strings(event)) assert.doesNotMatch(text, controls);
  const tool = own.find((event) => event.kind === 'tool');
  assert.ok(tool?.kind === 'tool');
  assert.equal(tool.title, 'redtxt.exe2J second line'.replace('2J', tool.title?.includes('2J') ? '2J' : ''));
  assert.equal(tool.locations?.[1]?.path, '<img src=x onerror=alert(1)>.js');
  const [diff, image] = tool.content ?? [];
  assert.ok(diff?.type === 'diff' && diff.change === 'added' && diff.path === 'a b.txt' && diff.added === 1);
  assert.deepEqual(image, { type: 'text', text: '[image]' });
  assert.ok(own.every((event) => JSON.stringify(event).isWellFormed()));
});

function* strings(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) yield* strings(member);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import { runTurn } from '../../../src/agent/runner.ts';
import { remembered } from './fake-agent.ts';
import { createWorld } from './rig.ts';

test('words, thoughts, tools, plans and commits come in the order in which they happened', async (t) => {
  const world = createWorld(t);
  const turn = world.post([
    { think: 'hm ' },
    { think: 'yes' },
    { say: 'I will ' },
    { say: 'edit.' },
    {
      update: {
        sessionUpdate: 'tool_call',
        toolCallId: 't1',
        title: `Edit ${world.layout.workspace}/app.js`,
        kind: 'edit',
        status: 'in_progress',
        rawInput: { path: 'app.js' },
        locations: [{ path: `${world.layout.workspace}/app.js`, line: 1 }],
      },
    },
    {
      update: {
        sessionUpdate: 'tool_call_update',
        toolCallId: 't1',
        status: 'completed',
        content: [{ type: 'diff', path: `${world.layout.workspace}/app.js`, oldText: 'a\nb\n', newText: 'a\nc\n' }],
      },
    },
    { update: { sessionUpdate: 'plan', entries: [{ content: 'Commit', status: 'pending', priority: 'high' }] } },
    { commit: 'Say two', file: 'app.js' },
    { say: 'Done.' },
  ]);
  assert.equal(await runTurn(world.options()), 'completed');
  const events = world.events().filter((event) => event.turn === turn);
  const shape = events.map((event) => (event.kind === 'turn' ? `turn ${event.status}` : event.kind));
  assert.deepEqual(
    shape.filter((kind) => kind !== 'commit' && kind !== 'notice'),
    [
      'message',
      'turn queued',
      'turn running',
      'turn running',
      'thought',
      'text',
      'tool',
      'tool',
      'plan',
      'tool',
      'tool',
      'text',
      'turn completed',
    ],
  ); // prettier-ignore
  const [begun] = events.filter((event) => event.kind === 'turn' && event.agent);
  assert.ok(begun?.kind === 'turn');
  assert.deepEqual([begun.agent, begun.session], ['Fake 1.2.3', 'new']);
  const words = events.flatMap((event) => (event.kind === 'text' || event.kind === 'thought' ? [[event.kind, event.delta]] : []));
  assert.deepEqual(words, [
    ['thought', 'hm yes'],
    ['text', 'I will edit.'],
    ['text', 'Done.'],
  ]); // prettier-ignore
  const tools = events.filter((event) => event.kind === 'tool');
  assert.equal(tools[0]?.title, 'Edit app.js');
  assert.deepEqual(tools[0]?.locations, [{ path: 'app.js', line: 1 }]);
  assert.deepEqual(tools[1]?.content, [
    { type: 'diff', path: 'app.js', change: 'changed', diff: '@@ -1,2 +1,2 @@\n a\n-b\n+c', added: 1, removed: 1 },
  ]);
  const commits = events.filter((event) => event.kind === 'commit');
  assert.deepEqual(
    commits.map(({ subject, files, added, removed }) => ({ subject, files, added, removed })),
    [{ subject: 'Say two', files: 1, added: 1, removed: 1 }],
  ); // prettier-ignore
  assert.equal(world.transcript.running(), null);
});

test('a session is resumed, loaded without its replay, or begun anew with a summary', async (t) => {
  const world = createWorld(t);
  const run = async (can: string, message: string): Promise<{ session: string | undefined; prompt: string; said: string }> => {
    const before = world.events().at(-1)?.seq ?? 0;
    world.post(message);
    assert.equal(await runTurn(world.options({ fake: { FAKE_CAN: can } })), 'completed');
    const events = world.transcript.eventsAfter(world.conversation, before, 1_000);
    const session = events.flatMap((event) => (event.kind === 'turn' && event.session ? [event.session] : []))[0];
    const saved = world.transcript.session(world.conversation)?.session ?? '';
    const said = events.reduce((text, event) => (event.kind === 'text' ? text + event.delta : text), '');
    return { session, prompt: remembered(world.memory, saved).at(-1)?.prompt ?? '', said };
  };
  const first = await run('resume', 'paint it blue');
  assert.equal(first.session, 'new');
  assert.equal(first.prompt, 'INSTRUCTIONS\n\nThe message:\n\npaint it blue');
  assert.deepEqual(await run('resume', 'and green'), { session: 'resumed', prompt: 'and green', said: 'You said: and green' });
  assert.deepEqual(await run('load', 'and red'), { session: 'resumed', prompt: 'and red', said: 'You said: and red' });
  const anew = await run('', 'and white');
  assert.equal(anew.session, 'summarised');
  assert.match(anew.prompt, /^INSTRUCTIONS/);
  assert.match(anew.prompt, /> Person: paint it blue\n> Agent: You said: paint it blue/);
  assert.match(anew.prompt, /The message:\n\nand white$/);
  assert.ok(world.events().some((event) => event.kind === 'notice' && /given a summary/.test(event.text)));
});

test('messages that wait are no part of the summary', async (t) => {
  const world = createWorld(t);
  world.post('paint it blue');
  world.post('and then red');
  assert.equal(await runTurn(world.options()), 'completed');
  const begun = world.events().find((event) => event.kind === 'turn' && event.session);
  assert.equal(begun?.kind === 'turn' && begun.session, 'new');
  const session = world.transcript.session(world.conversation)?.session ?? '';
  assert.equal(remembered(world.memory, session).at(-1)?.prompt, 'INSTRUCTIONS\n\nThe message:\n\npaint it blue');
});

test('an agent that remembers is told what it cannot know: how its last turn ended, and what others did since', async (t) => {
  const world = createWorld(t);
  const promptOf = async (): Promise<string> => {
    await runTurn(world.options({ fake: { FAKE_CAN: 'resume' } }));
    return remembered(world.memory, world.transcript.session(world.conversation)?.session ?? '').at(-1)?.prompt ?? '';
  };
  world.post([{ write: 'half.txt', text: '' }, { exit: 1 }]);
  await promptOf();
  const attempt = {
    id: 'a1',
    kind: 'rollback',
    commit: 'c0ffee0000c0ffee',
    status: 'running',
    trigger: 'manual',
    reason: 'ugly',
  } as AttemptView;
  const place = { conversation: world.conversation, turn: '' };
  world.transcript.appendAttempt(place, 1, attempt);
  world.transcript.appendAttempt(place, 2, { ...attempt, status: 'succeeded' });
  world.post('and now?');
  world.post('later');
  const prompt = await promptOf();
  assert.match(prompt, /^Since your last turn:\n- Your last turn ended as failed: .*it exited with code 1.*not committed: "half\.txt"\./);
  assert.match(prompt, /\n- Rollback of c0ffee0000 \(manual: ugly\): succeeded\n\nThe message:\n\nand now\?$/);
  assert.equal(await promptOf(), 'later');
});

test('a session that the agent lost is begun anew', async (t) => {
  const world = createWorld(t);
  world.transcript.saveSession(world.conversation, { agent: 'fake', session: 'gone' });
  world.post('hello');
  assert.equal(await runTurn(world.options({ fake: { FAKE_CAN: 'resume,load' } })), 'completed');
  assert.notEqual(world.transcript.session(world.conversation)?.session, 'gone');
  assert.equal(world.said(), 'You said: hello');
});

test('a session of another agent is not offered to this one', async (t) => {
  const world = createWorld(t);
  world.transcript.saveSession(world.conversation, { agent: 'codex', session: 's1' });
  world.post('hello');
  await runTurn(world.options({ fake: { FAKE_CAN: 'resume' } }));
  assert.equal(world.transcript.session(world.conversation)?.agent, 'fake');
});

test('the agent gets a short list of variables, the contract’s, its secrets and the marks of the turn', async (t) => {
  const world = createWorld(t);
  const names = ['GREENROOM_TURN', 'GREENROOM_INSTANCE', 'DATABASE_URL', 'MODEL', 'HOME', 'GREENROOM_CONVERSATION'];
  const turn = world.post(names.flatMap((env) => [{ env }, { say: '\n' }]));
  const env = { ...process.env, GREENROOM_INSTANCE: 'i1', DATABASE_URL: 'postgres://x', HOME: '/home/ada' };
  await runTurn(world.options({ env, fake: { MODEL: 'm1', GREENROOM_TURN: 'forged' }, secrets: { KEY: 'very-secret-key' } }));
  assert.deepEqual(world.said().trim().split('\n'), [
    `GREENROOM_TURN=${turn}`,
    'GREENROOM_INSTANCE=',
    'DATABASE_URL=',
    'MODEL=m1',
    'HOME=/home/ada',
    `GREENROOM_CONVERSATION=${world.conversation}`,
  ]); // prettier-ignore
});

test('a secret is hidden, also when it comes in pieces', async (t) => {
  const world = createWorld(t);
  world.post([
    { say: 'my key: very-' },
    { waitFor: `${world.memory}/go` },
    { say: 'secret-key, and ' },
    { env: 'KEY' },
    { update: { sessionUpdate: 'tool_call', toolCallId: 't', title: 'echo very-secret-key', rawInput: { key: 'very-secret-key' } } },
  ]);
  const ran = runTurn(world.options({ secrets: { KEY: 'very-secret-key' } }));
  await world.until((event) => event.kind === 'text');
  const { writeFileSync } = await import('node:fs');
  writeFileSync(`${world.memory}/go`, '');
  assert.equal(await ran, 'completed');
  assert.equal(world.said(), 'my key: [hidden], and KEY=[hidden]');
  assert.doesNotMatch(
    JSON.stringify(
      world
        .events()
        .slice(1)
        .filter((event) => event.kind !== 'message'),
    ),
    /secret-key/,
  ); // prettier-ignore
});

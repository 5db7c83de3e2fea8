import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findAgent } from '../../../src/agent/launch.ts';
import { readTurnFile } from '../../../src/agent/runner/turn-file.ts';
import { runTurn } from '../../../src/agent/runner.ts';
import type { Turn } from '../../../src/agent/transcript.ts';
import { createWorld, fakeProgram, processesOf, type World } from './rig.ts';

const sleeper = [process.execPath, '-e', 'setTimeout(() => {}, 600000)'];

function last(world: World, turn: string): { status: string; detail: string; uncommitted: string[] } {
  const event = world.events().findLast((it) => it.turn === turn && it.kind === 'turn');
  assert.ok(event?.kind === 'turn');
  return { status: event.status, detail: event.detail, uncommitted: event.uncommitted ?? [] };
}

test('cancel asks the agent to stop, and nothing of it is left: not its children, nor those that left its session', async (t) => {
  const world = createWorld(t);
  const turn = world.post([
    { write: 'half.txt', text: 'half done' },
    { leave: sleeper },
    { leave: sleeper, escape: true },
    { leave: ['sh', '-c', `trap "" TERM; ${sleeper.map((word) => `'${word}'`).join(' ')}`], escape: true },
    { say: 'ready' },
    { hang: true },
  ]);
  const ran = runTurn(world.options());
  await world.until((event) => event.kind === 'text' && /ready/.test(world.said()));
  assert.ok(processesOf(turn).length >= 4);
  const file = readTurnFile(world.layout.agentTurn);
  assert.deepEqual([file?.pid, file?.turn, file?.agent !== undefined], [process.pid, turn, true]);
  world.transcript.request(turn, { kind: 'cancel', by: 'Ada' });
  assert.equal(await ran, 'cancelled');
  assert.deepEqual(processesOf(turn), []);
  assert.deepEqual(last(world, turn), { status: 'cancelled', detail: 'Cancelled by Ada.', uncommitted: ['half.txt'] });
  assert.equal(readTurnFile(world.layout.agentTurn), undefined);
  assert.ok(world.events().some((event) => event.kind === 'notice' && /left running.*setTimeout/.test(event.text)));
});

test('an agent that neither hears nor leaves is ended all the same, at its time limit', async (t) => {
  const world = createWorld(t);
  const turn = world.post([{ say: 'x' }, { hang: true, deaf: true }]);
  assert.equal(await runTurn(world.options({ set: { turn_timeout_ms: 2_000 }, fake: { FAKE_FAULT: 'clings' } })), 'limited');
  assert.deepEqual(processesOf(turn), []);
  assert.match(last(world, turn).detail, /longer than 0 min, its limit|longer than 0\.\d min, its limit/);
});

test('a background server that a completed turn leaves is ended, and said so', async (t) => {
  const world = createWorld(t);
  const turn = world.post([{ leave: sleeper, escape: true }, { say: 'served' }]);
  assert.equal(await runTurn(world.options()), 'completed');
  assert.deepEqual(processesOf(turn), []);
  assert.ok(world.events().some((event) => event.kind === 'notice' && /left running/.test(event.text)));
});

test('a runner that is told to stop interrupts its turn, which can be continued', async (t) => {
  const world = createWorld(t);
  const turn = world.post([{ say: 'ready' }, { hang: true }]);
  const stop = new AbortController();
  const ran = runTurn(world.options({ stop: stop.signal }));
  await world.until((event) => event.kind === 'text');
  stop.abort();
  assert.equal(await ran, 'interrupted');
  assert.match(last(world, turn).detail, /told to stop/);
});

test('what is wrong with the agent is said in a sentence that says what to do', async (t) => {
  const world = createWorld(t);
  const env = { PATH: world.layout.data };
  const cases: [string, Partial<Parameters<World['options']>[0]>, RegExp][] = [
    [
      'absent',
      { agent: await findAgent({ settings: { command: '', preset: 'codex', permissions: 'allow' }, command: null, env }) },
      /^Codex was not found.*npm install -g/,
    ],
    [
      'nothing',
      { agent: await findAgent({ settings: { command: '', preset: '', permissions: 'allow' }, command: null, env }) },
      /^No coding agent was found/,
    ],
    ['gone', { agent: { ok: true, agent: fakeProgram({ file: '/nowhere/agent' }) } }, /^Fake could not be started: .*ENOENT/],
    [
      'exit',
      { fake: { FAKE_FAULT: 'exit' }, secrets: { KEY: 'hunter2-secret' } },
      /^Fake ended in the middle of its work: it exited with code 3\. Its last words: cannot find my configuration, key is \[hidden\]/,
    ],
    ['auth', { fake: { FAKE_FAULT: 'auth' } }, /^Fake is not logged in\. Run "fake login"\.$/],
    ['version', { fake: { FAKE_FAULT: 'version' } }, /speaks version 99 of the Agent Client Protocol.*Install versions that fit/],
  ]; // prettier-ignore
  for (const [name, options, says] of cases) {
    const turn = world.post('hello');
    assert.equal(await runTurn(world.options(options)), 'failed', name);
    assert.match(last(world, turn).detail, says, name);
    assert.deepEqual(processesOf(turn), [], name);
  }
});

test('an agent that breaks off in the middle fails its turn, and what it said is kept', async (t) => {
  const world = createWorld(t);
  const failing = world.post([{ stderr: 'out of tokens' }, { say: 'so far' }, { fail: 'the model is overloaded' }]);
  assert.equal(await runTurn(world.options()), 'failed');
  assert.match(last(world, failing).detail, /^Fake could not go on: .*the model is overloaded\. Its last words: out of tokens/);
  const crashing = world.post([{ say: ', and' }, { exit: 7 }]);
  assert.equal(await runTurn(world.options()), 'failed');
  assert.match(last(world, crashing).detail, /it exited with code 7/);
  assert.equal(world.said(), 'so far, and');
  const refusing = world.post([{ stop: 'refusal' }]);
  assert.equal(await runTurn(world.options()), 'failed');
  assert.match(last(world, refusing).detail, /refused to go on/);
  world.post([{ stop: 'max_tokens' }]);
  assert.equal(await runTurn(world.options()), 'limited');
});

test('banners on standard output do no harm', async (t) => {
  const world = createWorld(t);
  world.post([{ noise: 'Update available!' }, { noise: '{"jsonrpc": "2.0", "method":' }, { say: 'fine' }]);
  const log: string[] = [];
  assert.equal(await runTurn(world.options({ fake: { FAKE_FAULT: 'rubbish' }, log: (line) => log.push(line) })), 'completed');
  assert.equal(world.said(), 'fine');
  assert.ok(log.includes('agent: Update available!') && log.includes('agent: Welcome to the agent!'));
});

test('permissions: allowed or denied by policy, or asked of the person in the chat', async (t) => {
  const world = createWorld(t);
  const ask = [
    { id: 'always', name: 'Always', kind: 'allow_always' as const },
    { id: 'once', name: 'Once', kind: 'allow_once' as const },
    { id: 'no', name: 'No', kind: 'reject_once' as const },
  ];
  const script = [{ ask, title: 'Run rm -rf build' }];
  const answers = (turn: string): string[] =>
    world
      .events()
      .flatMap((event) => (event.turn === turn && event.kind === 'permission' ? [`${event.status} ${event.option} ${event.by}`] : []));
  const allowed = world.post(script);
  await runTurn(world.options());
  assert.deepEqual(answers(allowed), ['answered once policy']);
  const denied = world.post(script);
  await runTurn(world.options({ set: { permissions: 'deny' } }));
  assert.deepEqual(answers(denied), ['answered no policy']);

  const asked = world.post(script);
  const ran = runTurn(world.options({ set: { permissions: 'ask' } }));
  const question = await world.until((event) => event.turn === asked && event.kind === 'permission');
  assert.ok(question.kind === 'permission');
  assert.equal(question.title, 'Run rm -rf build');
  world.transcript.request(asked, { kind: 'permission', request: question.request, option: 'forged', by: 'Eve' });
  world.transcript.request(asked, { kind: 'permission', request: question.request, option: 'always', by: 'Ada' });
  assert.equal(await ran, 'completed');
  assert.deepEqual(answers(asked), ['asked undefined undefined', 'answered always Ada']);
  assert.match(world.said(), /answer: once.*answer: no.*answer: always/);

  const cancelled = world.post(script);
  const waiting = runTurn(world.options({ set: { permissions: 'ask' } }));
  await world.until((event) => event.turn === cancelled && event.kind === 'permission');
  world.transcript.request(cancelled, { kind: 'cancel', by: 'Ada' });
  assert.equal(await waiting, 'cancelled');
  assert.deepEqual(answers(cancelled), ['asked undefined undefined', 'withdrawn undefined undefined']);
});

test('a cancel that comes before anything was started starts nothing', async (t) => {
  const world = createWorld(t);
  const turn = world.post([{ write: join(world.memory, 'started'), text: '' }]);
  const options = world.options();
  const { prepare } = options.workspace;
  const ran = runTurn({
    ...options,
    workspace: {
      ...options.workspace,
      prepare: async (place) => {
        world.transcript.request(turn, { kind: 'cancel', by: 'Ada' });
        await world.until(() => true);
        return await prepare(place);
      },
    },
  });
  assert.equal(await ran, 'cancelled');
  assert.equal(world.said(), '');
});

test('another runner’s turn is left alone', async (t) => {
  const world = createWorld(t);
  world.post('first');
  world.post('second');
  const first = world.transcript.takeTurn(world.options().self) as Turn;
  writeFileSync(world.layout.agentTurn, JSON.stringify({ ...world.options().self, turn: first.id, conversation: first.conversation }));
  assert.equal(await runTurn(world.options()), 'nothing');
  assert.equal(world.transcript.running()?.id, first.id);
  assert.notEqual(readTurnFile(world.layout.agentTurn), undefined);
});

test('a transcript that cannot be written any more stops the agent, instead of letting it work unseen', async (t) => {
  const world = createWorld(t);
  const turn = world.post([{ say: 'one' }, { say: 'two' }, { hang: true }]);
  const transcript = {
    ...world.transcript,
    append(...[place, body]: Parameters<typeof world.transcript.append>) {
      if (body.kind === 'text') throw new Error('database or disk is full');
      return world.transcript.append(place, body);
    },
  };
  assert.equal(await runTurn(world.options({ transcript })), 'failed');
  assert.match(last(world, turn).detail, /could not be recorded \(database or disk is full\), so it was stopped/);
  assert.deepEqual(processesOf(turn), []);
});

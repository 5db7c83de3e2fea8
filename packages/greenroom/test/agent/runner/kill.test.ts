import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { reap } from '../../../src/agent/reap.ts';
import { readTurnFile } from '../../../src/agent/runner/turn-file.ts';
import { startRunner } from '../../../src/agent/start.ts';
import { readAgentTurns } from '../../../src/orchestrator/adapters/agent-turns.ts';
import { readStat } from '../../../src/proc.ts';
import { createWorld, MAIN, processesOf, spawnRunner, type World, writeContract } from './rig.ts';

const sleeper = [process.execPath, '-e', 'setTimeout(() => {}, 600000)'];

test('a runner that is killed at any moment: its turn is interrupted, nothing is lost or doubled, and it can be continued', async (t) => {
  const world = createWorld(t);
  writeContract(world);
  const moments: [string, (turn: string) => Promise<unknown>][] = [
    ['as it takes the turn', (turn) => world.until((event) => event.turn === turn && event.kind === 'turn' && event.status === 'running')],
    ['as the agent begins', (turn) => world.until((event) => event.turn === turn && event.kind === 'turn' && event.agent !== undefined)],
    [
      'in the middle of words',
      (turn) => world.until((event) => event.turn === turn && event.kind === 'text' && / 40 /.test(` ${wordsOf(world, turn)}`)),
    ],
    ['after a commit', (turn) => world.until((event) => event.turn === turn && event.kind === 'commit')],
  ]; // prettier-ignore
  for (const [name, moment] of moments) {
    const turn = world.post([
      { leave: sleeper, escape: true },
      { write: 'draft.txt', text: name },
      { ticks: 100, everyMs: 1 },
      { commit: name, file: 'app.js' },
      { hang: true, deaf: true },
    ]);
    const runner = spawnRunner(world);
    await moment(turn);
    runner.kill();
    await runner.exited;
    const log: string[] = [];
    const options = { ...world.options(), log: (line: string) => void log.push(line) };
    const both = await Promise.all([reap(options), reap(options)]);
    assert.equal(both.filter((it) => it?.id === turn && it.status === 'interrupted').length, 1, name);
    assert.deepEqual(processesOf(turn), [], name);
    assert.equal(readTurnFile(world.layout.agentTurn), undefined, name);
    const events = world.events().filter((event) => event.turn === turn);
    assert.equal(events.filter((event) => event.kind === 'turn' && event.status === 'interrupted').length, 1);
    const words = wordsOf(world, turn).replace('left', '').trim();
    const numbers = words === '' ? [] : words.split(' ').map(Number);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index),
      name,
    );
  }
  const [kept] = world
    .events()
    .flatMap((event) => (event.kind === 'turn' && event.status === 'interrupted' ? [event.uncommitted] : []))
    .slice(-1); // prettier-ignore
  assert.deepEqual(kept, ['draft.txt']);
  const session = world.transcript.session(world.conversation)?.session;
  const again = world.post('Continue where you were interrupted.');
  await spawnRunner(world).exited;
  assert.equal(world.transcript.turn(again)?.status, 'completed');
  assert.equal(world.transcript.session(world.conversation)?.session, session);
  const counted = (await readAgentTurns(world.layout.agentTurns)).map(({ outcome, histogram }) => [
    outcome,
    histogram.counts.reduce((a, b) => a + b),
  ]);
  assert.deepEqual(counted, [
    ['completed', 1],
    ['interrupted', moments.length],
  ]);
});

test('a question that waits when its runner is killed is withdrawn', async (t) => {
  const world = createWorld(t);
  writeContract(world, { permissions: 'ask' });
  const turn = world.post([{ ask: [{ id: 'yes', name: 'Yes', kind: 'allow_once' }], title: 'Run it' }]);
  const runner = spawnRunner(world);
  await world.until((event) => event.turn === turn && event.kind === 'permission');
  runner.kill();
  await runner.exited;
  assert.equal((await reap(world.options()))?.status, 'interrupted');
  const states = world.events().flatMap((event) => (event.kind === 'permission' ? [event.status] : []));
  assert.deepEqual(states, ['asked', 'withdrawn']);
});

test('three messages are worked one after another, each by a runner of its own that the one before started', async (t) => {
  const world = createWorld(t);
  writeContract(world);
  const gate = join(world.memory, 'gate');
  const turns = [world.post([{ waitFor: gate }, { say: 'one ' }]), world.post([{ say: 'two ' }]), world.post([{ say: 'three' }])];
  // As posters do: each starts one, and those that find nothing to do end.
  const runners = [spawnRunner(world), spawnRunner(world), spawnRunner(world)];
  await world.until((event) => event.kind === 'turn' && event.agent !== undefined);
  writeFileSync(gate, '');
  await world.until((event) => event.turn === turns[2] && event.kind === 'turn' && event.status === 'completed');
  assert.equal(world.said(), 'one two three');
  const runs = world
    .events()
    .flatMap((event) =>
      event.kind === 'turn' && (event.status === 'completed' || event.agent) ? [`${turns.indexOf(event.turn)} ${event.status}`] : [],
    ); // prettier-ignore
  assert.deepEqual(runs, ['0 running', '0 completed', '1 running', '1 completed', '2 running', '2 completed']);
  const pids = turns.map((turn) => world.transcript.turn(turn)?.runner?.pid);
  assert.equal(new Set(pids).size, 3);
  for (const pid of pids) await gone(pid ?? 0);
  await Promise.all(runners.map(({ exited }) => exited));
});

test('a started runner is nobody’s child, and takes neither marks nor secrets of an app instance along', async (t) => {
  const world = createWorld(t);
  writeContract(world, { env: { FAKE_STATE: world.memory }, secrets: ['MODEL_KEY'] });
  const gate = join(world.memory, 'gate');
  const turn = world.post([{ env: 'GREENROOM_INSTANCE' }, { env: 'DATABASE_URL' }, { env: 'MODEL_KEY' }, { waitFor: gate }]);
  const env = { ...process.env, GREENROOM_INSTANCE: 'i1', DATABASE_URL: 'postgres://x', MODEL_KEY: 'k1' };
  const started = await startRunner({ command: [process.execPath, MAIN], data: world.layout.data, env, secrets: ['MODEL_KEY'] });
  assert.deepEqual(started, { ok: true });
  await world.until((event) => event.turn === turn && event.kind === 'text' && /MODEL_KEY/.test(world.said()));
  const pid = world.transcript.running()?.runner?.pid ?? 0;
  const stat = readStat(pid);
  assert.ok(stat);
  assert.equal(stat.session, stat.group);
  assert.notEqual(stat.parent, process.pid);
  assert.notEqual(stat.session, readStat(process.pid)?.session);
  writeFileSync(gate, '');
  await world.until((event) => event.turn === turn && event.kind === 'turn' && event.status === 'completed');
  // Only now: what could be the begin of a secret is held back until more has come.
  assert.equal(world.said(), 'GREENROOM_INSTANCE=DATABASE_URL=MODEL_KEY=k1');
  await gone(pid);
  assert.equal(world.transcript.running(), null);
});

function wordsOf(world: World, turn: string): string {
  return world.events().reduce((text, event) => (event.turn === turn && event.kind === 'text' ? text + event.delta : text), '');
}

/** A process that is about to end by itself, and is nobody's child here. */
async function gone(pid: number): Promise<void> {
  while (readStat(pid) && readStat(pid)?.state !== 'Z') await new Promise((resolve) => setTimeout(resolve, 10));
}

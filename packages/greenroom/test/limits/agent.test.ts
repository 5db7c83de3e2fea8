import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runTurn } from '../../src/agent/runner.ts';
import { createLimiter } from '../../src/confine/limiter.ts';
import { createWorld, type World } from '../agent/runner/rig.ts';
import { testCgroups } from './rig.ts';

const EATER = `${process.execPath} -e 'for (const kept = []; ; ) kept.push(Buffer.alloc(4e6, 1))'`;

function detailOf(world: World, turn: string): string {
  const event = world.events().findLast((it) => it.turn === turn && it.kind === 'turn');
  return event?.kind === 'turn' ? event.detail : '';
}

test('what the agent starts is bounded with it, and the chat says what the kernel ended or refused', async (t) => {
  const limiter = createLimiter({ kind: 'agent', limits: { memory_mb: 200, processes: 60 }, key: 'rig', cgroups: testCgroups(t) });
  const world = createWorld(t);
  // What a runner that died has left.
  limiter.bounds('stale');
  world.post([{ run: EATER }, { run: 'for i in $(seq 80); do sleep 7371 & done' }, { say: 'went on' }]);
  assert.equal(await runTurn(world.options({ limiter })), 'completed');
  assert.match(world.said(), /^ran: (null|137) ran: 2 went on$/);
  const notices = world.events().flatMap((event) => (event.kind === 'notice' && event.level === 'warning' ? [event.text] : []));
  assert.equal(notices[0], 'The kernel killed 1 of its processes at 200 MB of memory, their limit together (limits.agent.memory_mb).');
  assert.match(notices[1] ?? '', /^The kernel refused it \d+ new processes or threads beyond its 60 \(limits\.agent\.processes\)\.$/);
  assert.deepEqual(limiter.known(), []);

  const turn = world.post([{ eat: true }]);
  assert.equal(await runTurn(world.options({ limiter })), 'failed');
  assert.match(detailOf(world, turn), /it was killed by the kernel at 200 MB of memory, its limit \(limits\.agent\.memory_mb\)/);
  assert.deepEqual(limiter.known(), []);
});

test('a turn that fills the workspace is ended, and the next one may make room', async (t) => {
  const world = createWorld(t);
  const full = world.post([{ run: 'head -c 5000000 /dev/zero > big' }, { hang: true }]);
  assert.equal(await runTurn(world.options({ workspaceMb: 3 })), 'limited');
  assert.equal(
    detailOf(world, full),
    'The workspace grew to 5 MB, so the turn was ended; its limit is 3 MB ("limits.disk.workspace_mb" in the contract).',
  );
  world.post([{ run: 'rm big' }]);
  assert.equal(await runTurn(world.options({ workspaceMb: 3 })), 'completed');
  assert.ok(
    world.events().some((event) => event.kind === 'notice' && /^The workspace takes 5 MB already; its limit is 3 MB/.test(event.text)),
  );
});

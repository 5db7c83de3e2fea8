import assert from 'node:assert/strict';
import test from 'node:test';
import type { Clock, Instance } from '../../src/orchestrator/ports.ts';
import { createLiveHealth } from '../../src/orchestrator/runner/live-health.ts';

const instance = (id: string): Instance => ({
  instance: id,
  slot: 'a',
  commit: 'c'.repeat(40),
  pid: 1,
  startTicks: 1,
  bootId: 'b',
  port: 1,
  internalPort: 0,
  internalSocket: '',
  logFile: '',
  startedAt: 0,
});

/** A clock that stands until it is moved, and looks that end when they are told to. */
function startRig() {
  let now = 1_000;
  let timers: { at: number; callback: () => void }[] = [];
  const looks: { id: string; end(problem: string): void }[] = [];
  const it = { live: instance('one') as Instance | undefined };
  const clock: Clock = {
    now: () => now,
    after(ms, callback) {
      const timer = { at: now + ms, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  };
  const check = ({ instance: id }: Instance): Promise<string> => new Promise((end) => looks.push({ id, end }));
  const healthy = createLiveHealth({ live: () => it.live, prober: { check }, clock });
  return Object.assign(it, {
    looks,
    healthy,
    timers: () => timers.length,
    pass(ms: number) {
      now += ms;
      for (const { at, callback } of [...timers]) if (at <= now) callback();
    },
  });
}

test('many who ask cost one look, whose answer is used again for a moment', async () => {
  const rig = startRig();
  const asked = [rig.healthy(), rig.healthy()];
  assert.equal(rig.looks.length, 1);
  rig.looks[0]?.end('');
  assert.deepEqual(await Promise.all([...asked, rig.healthy()]), [true, true, true]);
  rig.pass(251);
  const later = rig.healthy();
  rig.looks[1]?.end('status 500');
  assert.equal(await later, false, 'an answer that is not 200 counts at once');
  assert.deepEqual([rig.looks.length, rig.timers()], [2, 0]);
});

test('a late answer leaves what was known, until it is there', async () => {
  const rig = startRig();
  const first = rig.healthy();
  rig.looks[0]?.end('');
  await first;
  rig.pass(10_000);
  const busy = rig.healthy();
  rig.pass(1_000);
  assert.equal(await busy, true, 'nothing was heard of the app');
  const still = rig.healthy();
  assert.equal(rig.looks.length, 2, 'the look goes on');
  rig.looks[1]?.end('no complete answer within 4000 ms');
  assert.equal(await still, false);
});

test('of an instance that was never looked at, the first answer is waited for', async () => {
  const rig = startRig();
  const first = rig.healthy();
  rig.live = instance('two');
  const second = rig.healthy();
  rig.looks[1]?.end('');
  assert.equal(await second, true);
  rig.looks[0]?.end('');
  assert.equal(await first, false, 'it is not live any more');
  assert.equal(await rig.healthy(), true, 'the old one does not count for the new one');
  rig.live = undefined;
  assert.equal(await rig.healthy(), false);
  assert.deepEqual(
    rig.looks.map(({ id }) => id),
    ['one', 'two'],
  );
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { keepTurns } from '../../../src/agent/chat/turn-keeper.ts';
import type { Turn } from '../../../src/agent/transcript.ts';
import { ownIdentity, type ProcessIdentity } from '../../../src/proc.ts';

const ALIVE = ownIdentity();

test('a turn of a dead runner is reaped at first sight, and one that waits gets a runner', async (t) => {
  const kept = keeper(t);
  kept.running = turnOf({ ...ALIVE, start_ticks: ALIVE.start_ticks + 1 });
  kept.begin();
  await kept.looked();
  assert.deepEqual([kept.reaped, kept.started], [1, 0]);
  await kept.second();
  assert.equal(kept.reaped, 2);
  kept.running = turnOf(ALIVE);
  await kept.second();
  assert.equal(kept.reaped, 2);
  kept.running = null;
  kept.queued = [turnOf(null)];
  await kept.second();
  assert.equal(kept.started, 1);
});

test('a runner that does not come is waited for longer each time, and one that was started just now is left its time', async (t) => {
  const kept = keeper(t);
  kept.begin();
  kept.keeper?.started();
  kept.queued = [turnOf(null)];
  const startedAt: number[] = [];
  for (let second = 1; second <= 40; second += 1) {
    await kept.second();
    if (kept.started > startedAt.length) startedAt.push(second);
  }
  assert.deepEqual(startedAt, [5, 15, 35]);
  assert.equal(kept.said.length, 3);
  kept.queued = [];
  await kept.second();
  kept.queued = [turnOf(null)];
  await kept.second();
  assert.equal(kept.started, 4);
});

test('a transcript that cannot be read is said once, and looked at again', async (t) => {
  const kept = keeper(t);
  kept.broken = true;
  kept.begin();
  await kept.second();
  assert.deepEqual(kept.said, ['Turns cannot be looked after: disk I/O error']);
  kept.broken = false;
  kept.queued = [turnOf(null)];
  await kept.second();
  assert.equal(kept.started, 1);
});

/** A keeper whose clock the test moves. */
function keeper(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const kept = {
    running: null as Turn | null,
    queued: [] as Turn[],
    broken: false,
    reaped: 0,
    started: 0,
    said: [] as string[],
    keeper: undefined as ReturnType<typeof keepTurns> | undefined,
    begin() {
      kept.keeper = keepTurns({
        transcript: {
          running() {
            if (kept.broken) throw new Error('disk I/O error');
            return kept.running;
          },
          queued: () => kept.queued,
        },
        reap: async () => {
          kept.reaped += 1;
        },
        startRunner() {
          kept.started += 1;
        },
        log: (message) => void kept.said.push(message),
      });
    },
    looked: () => new Promise((resolve) => setImmediate(resolve)),
    async second() {
      now += 1_000;
      t.mock.timers.tick(1_000);
      await kept.looked();
    },
  };
  t.after(() => kept.keeper?.close());
  return kept;
}

function turnOf(runner: ProcessIdentity | null): Turn {
  return {
    id: 't1',
    conversation: 'c1',
    status: runner ? 'running' : 'queued',
    user: { id: 'u', name: 'Ada' },
    text: 'x',
    message: 'x',
    runner,
    created_at: '',
    started_at: '',
    finished_at: '',
  };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHECKS_INTERVAL_MS, type Checks, createChecks } from '../../src/main/checks.ts';
import type { CheckSummary } from '../../src/orchestrator/adapters/github/checks.ts';
import type { Answer } from '../../src/orchestrator/adapters/github/problem.ts';
import { sha, world } from './rig.ts';

const summary = (fields: Partial<CheckSummary> = {}): CheckSummary => ({ state: 'success', total: 1, pending: 0, failed: [], ...fields });

/** Checks of two commits, with a clock that is moved by hand and answers that are given by hand. */
function rig(): {
  checks: Checks;
  asked: string[];
  logged: string[];
  pass(ms: number): void;
  answer(answer: Answer<CheckSummary>): Promise<void>;
} {
  const asked: string[] = [];
  const logged: string[] = [];
  const waiting: ((answer: Answer<CheckSummary>) => void)[] = [];
  let now = Date.parse('2026-01-01T00:00:00.000Z');
  const checks = createChecks({
    commits: async () => [sha('a'), sha('b'), sha('a')],
    ask(commit) {
      asked.push(commit.slice(0, 1));
      return new Promise((resolve) => waiting.push(resolve));
    },
    now: () => now,
    log: (message) => logged.push(message),
  });
  return {
    checks,
    asked,
    logged,
    pass: (ms) => {
      now += ms;
    },
    async answer(answer) {
      waiting.shift()?.(answer);
      await turns();
    },
  };
}

/** Lets everything run that waits for nothing but its turn. */
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('checks are asked for once a minute however often they are looked at, and the last answer is at hand meanwhile', async () => {
  const { checks, asked, pass, answer } = rig();
  assert.equal(checks.view(), null);
  for (let times = 0; times < 5; times++) checks.look();
  await turns();
  assert.deepEqual(asked, ['a']);
  assert.equal(checks.view(), null, 'did not wait');
  pass(CHECKS_INTERVAL_MS);
  checks.look();
  await turns();
  assert.deepEqual(asked, ['a'], 'a slow answer is not asked for twice');
  await answer({
    ok: true,
    value: summary({
      state: 'failure',
      total: 3,
      failed: [
        { name: 'lint', url: 'https://ci/1' },
        { name: 'unit', url: 'https://ci/2' },
      ],
    }),
  });
  const expected = {
    commit: sha('a'),
    state: 'failure',
    total: 3,
    failed: ['lint', 'unit'],
    url: 'https://ci/1',
    read_at: '2026-01-01T00:01:00.000Z',
  };
  assert.deepEqual(checks.view(), expected);
  checks.look();
  await turns();
  assert.deepEqual(asked, ['a', 'a']);
  await answer({ ok: false, problem: { kind: 'offline', error: 'no', status: 0, retryAfterMs: 0 } });
  assert.deepEqual(checks.view(), expected, 'what GitHub did not answer changes nothing');
  pass(CHECKS_INTERVAL_MS - 1);
  checks.look();
  await turns();
  assert.equal(asked.length, 2);
});

test('having had nothing to ask about does not count as having asked', async () => {
  const known: string[] = [];
  const checks = createChecks({
    commits: async () => known,
    ask: async () => ({ ok: true, value: summary() }),
    now: () => 0,
    log: assert.fail,
  });
  checks.look();
  await turns();
  assert.equal(checks.view(), null);
  known.push(sha('a'));
  checks.look();
  await turns();
  assert.equal(checks.view()?.commit, sha('a'));
});

test('the next commit is shown when nothing has looked at the first', async () => {
  const { checks, asked, answer } = rig();
  checks.look();
  await turns();
  await answer({ ok: true, value: summary({ state: 'none', total: 0 }) });
  await answer({ ok: true, value: summary({ state: 'pending', total: 2 }) });
  assert.deepEqual([checks.view()?.commit, checks.view()?.state], [sha('b'), 'pending']);
  assert.deepEqual(asked, ['a', 'b'], 'each commit once');
});

test('a bug in reading the branches is logged, and the next look works', async () => {
  const logged: string[] = [];
  let broken = true;
  let now = 0;
  const checks = createChecks({
    commits: async () => {
      if (broken) throw new Error('git is gone');
      return [sha('a')];
    },
    ask: async () => ({ ok: true, value: summary() }),
    now: () => now,
    log: (message) => logged.push(message),
  });
  checks.look();
  await turns();
  assert.match(logged.join(), /git is gone/);
  broken = false;
  now = CHECKS_INTERVAL_MS;
  checks.look();
  await turns();
  assert.equal(checks.view()?.state, 'success');
});

test('a commit that GitHub does not know is no trouble with GitHub', async (t) => {
  const { client, gitHub, logged } = await world(t);
  assert.ok((await client.checks(sha('a'))).ok);
  assert.deepEqual([client.problem(), logged], ['', []]);
  gitHub.fault = () => ({ status: 401 });
  assert.equal((await client.checks(sha('a'))).ok, false);
  assert.match(client.problem(), /refuses the credentials/);
});

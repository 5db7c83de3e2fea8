import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../e2e/rig.ts';
import type { Fault } from '../github/stand-in/server.ts';
import { openReconcileRig, type ReconcileRig } from './rig.ts';

/** GitHub spaces writes out by a second each, and tries again after seconds. */
const CONVERGES_WITHIN_MS = 40_000;

/** Room for a busy machine. A deploy that waited for a silent GitHub would wait for 30 seconds. */
const AT_MOST_SLOWER_MS = 3_000;

const DOWN: Fault = { status: 502, text: 'Unicorn!' };
const LIMITED: Fault = {
  status: 403,
  headers: { 'x-ratelimit-remaining': '0', 'retry-after': '2' },
  body: { message: 'API rate limit exceeded' },
};

async function deployMs(rig: ReconcileRig, name: string): Promise<{ commit: string; ms: number }> {
  const commit = rig.push({ name });
  const began = performance.now();
  const answer = await rig.client.deploy({ commit });
  assert.ok(answer.success, JSON.stringify(answer));
  return { commit, ms: performance.now() - began };
}

/** Each promotion is one deployment, told in order, and only the last one is not inactive. */
async function converges(rig: ReconcileRig, commits: string[]): Promise<void> {
  const { gitHub } = rig;
  assert.ok(gitHub);
  const wanted = commits.map((sha, index) =>
    [sha, index === commits.length - 1 ? 'in_progress,success' : 'in_progress,success,inactive'].join(' '),
  );
  const told = (): string[] => gitHub.deployments.map((it) => `${it.sha} ${it.statuses.map((status) => status.state).join(',')}`);
  await until(
    () => told().join('\n') === wanted.join('\n'),
    () => `GitHub knows\n${told().join('\n')}\nand should know\n${wanted.join('\n')}\n${rig.log()}`,
    CONVERGES_WITHIN_MS,
  );
}

test('GitHub down, silent or limited: no deploy waits for it, and it is told everything afterwards', { timeout: 150_000 }, async (t) => {
  const rig = await openReconcileRig(t, { gitHub: true });
  const { gitHub } = rig;
  assert.ok(gitHub);
  const commits: string[] = [];
  const deploy = async (name: string): Promise<number> => {
    const { commit, ms } = await deployMs(rig, name);
    commits.push(commit);
    return ms;
  };

  const usual = Math.max(await deploy('well'), await deploy('still well'));
  await converges(rig, commits);

  const faults: Record<string, Fault> = { down: DOWN, silent: { hang: true }, limited: LIMITED };
  for (const [name, fault] of Object.entries(faults)) {
    await t.test(name, async () => {
      gitHub.fault = () => fault;
      const ms = await deploy(name);
      t.diagnostic(`a deploy takes ${Math.round(ms)} ms with GitHub ${name}, ${Math.round(usual)} ms with it well`);
      assert.ok(ms < usual + AT_MOST_SLOWER_MS, `${ms} ms instead of ${usual}`);
      await rig.settles();
    });
  }
  await t.test('while it is away that is drift, and a restart forgets nothing', async () => {
    gitHub.fault = () => DOWN;
    commits.push((await deployMs(rig, 'before a kill')).commit);
    await until(
      async () => {
        await rig.reconcile();
        return /report\(s\) to GitHub/.test((await rig.drift('unpublished'))?.detail ?? '');
      },
      () => rig.log(),
      // The client tries a read again by itself, for up to 14 s, before it counts as failed.
      CONVERGES_WITHIN_MS,
    );
    await rig.kill();
    await rig.start();
    gitHub.fault = () => undefined;
    await converges(rig, commits);
    // GitHub knows the last report a moment before its answer is here.
    await until(
      async () => {
        await rig.reconcile();
        return (await rig.drift('unpublished')) === undefined;
      },
      () => rig.log(),
    );
  });
});

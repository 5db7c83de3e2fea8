import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitFiles, git } from '../../../../bench/harness/repo.ts';
import { until } from '../e2e/rig.ts';
import { openReconcileRig, type ReconcileRig } from './rig.ts';

/** The agent's unmerged work is live; answers its commit. */
async function agentIsLive(rig: ReconcileRig, files: Record<string, string>): Promise<string> {
  if (!(await rig.status()).live_commit) {
    assert.ok((await rig.client.deploy({ branch: 'main' })).success);
    rig.makeWorkspace();
  }
  const commit = rig.work({ name: 'agent' }, files);
  const answer = await rig.agentDeploys(commit);
  assert.ok(answer.success, JSON.stringify(answer));
  return commit;
}

/** A person changes one file and pushes it. */
function pushFile({ human }: ReconcileRig, path: string, content: string): string {
  const commit = commitFiles(human, { [path]: content }, `Change ${path}`);
  git(human, 'push', '-q', 'origin', 'HEAD:main');
  return commit;
}

test('merge: a push and the agent’s live work are both live, unless they conflict', { timeout: 120_000 }, async (t) => {
  const rig = await openReconcileRig(t, { contract: { on_human_push: 'merge', smoke_test_command: 'test ! -e broken.txt' } });
  const agent = await agentIsLive(rig, { 'agent.txt': 'by the agent\n' });

  await t.test('clean', async () => {
    const head = pushFile(rig, 'human.txt', 'by a person\n');
    await Promise.all([rig.told(), rig.reconcile()]);
    await until(
      async () => (await rig.status()).live_commit !== agent,
      () => rig.log(),
    );
    const { live_commit: live } = await rig.settles();
    assert.equal(git(rig.layout.repo, 'rev-list', '--parents', '-1', live), `${live} ${agent} ${head}`);
    assert.deepEqual(await rig.attemptsOf(live).then((it) => it.length), 1);
    await rig.reconcile();
    assert.deepEqual([await rig.drift('human_ahead'), (await rig.settles()).live_commit], [undefined, live]);
    assert.deepEqual([rig.published('machine'), rig.published('main')], [agent, head], 'the merge is published nowhere');
  });

  await t.test('a merge that failed is not tried again and again', async () => {
    const count = async (): Promise<number> => (await rig.attempts()).length;
    const { live_commit: live } = await rig.status();
    pushFile(rig, 'broken.txt', 'makes the smoke test fail\n');
    const before = await count();
    await rig.told();
    await rig.settles();
    for (let round = 0; round < 2; round += 1) {
      await rig.reconcile();
      await rig.settles();
    }
    assert.deepEqual([await count(), (await rig.status()).live_commit], [before + 1, live]);
    assert.match((await rig.drift('human_ahead'))?.detail ?? '', /its deploy failed/);
    git(rig.human, 'rm', '-q', 'broken.txt');
    git(rig.human, 'commit', '-q', '-m', 'Repair');
    git(rig.human, 'push', '-q', 'origin', 'HEAD:main');
    await rig.reconcile();
    await rig.settles();
    assert.notEqual((await rig.status()).live_commit, live);
  });

  await t.test('a merge that was rolled back from stays where it is', async () => {
    const regretted = (await rig.status()).live_commit;
    assert.ok((await rig.client.rollback()).success);
    await rig.reconcile();
    await rig.told();
    const { live_commit: live } = await rig.settles();
    assert.notEqual(live, regretted);
    assert.equal((await rig.attemptsOf(regretted)).length, 1);
  });

  await t.test('conflicting: the push goes live as it is, with an alert', async () => {
    const head = pushFile(rig, 'agent.txt', 'by a person, who knew nothing of it\n');
    await rig.told();
    await rig.becomesLive(head);
    await until(
      () => rig.alerted().includes('merge_conflict'),
      () => String(rig.alerted()),
    );
    assert.equal(rig.published('machine'), agent, 'the agent’s commits are safe');
  });
});

test('notify: a push waits for a decision while work of the agent is live', { timeout: 60_000 }, async (t) => {
  const rig = await openReconcileRig(t, { contract: { on_human_push: 'notify' } });
  const agent = await agentIsLive(rig, { 'agent.txt': 'by the agent\n' });
  const head = pushFile(rig, 'human.txt', 'by a person\n');
  await rig.told();
  await rig.reconcile();
  await rig.reconcile();
  await rig.settles();
  assert.equal((await rig.status()).live_commit, agent);
  assert.deepEqual((await rig.drift('human_ahead'))?.action, 'alert');
  await until(
    () => rig.alerted().includes('human_push'),
    () => String(rig.alerted()),
  );
  assert.ok((await rig.client.deploy({ branch: 'main' })).success);
  assert.equal((await rig.status()).live_commit, head);
  await rig.reconcile();
  await until(
    () => rig.alerted().includes('-human_push'),
    () => String(rig.alerted()),
  );
  assert.equal(rig.alerted().filter((it) => it === 'human_push').length, 1);
  const next = pushFile(rig, 'human.txt', 'more by a person\n');
  await rig.reconcile();
  await rig.becomesLive(next);
});

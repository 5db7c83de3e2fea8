import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git } from '../../../../bench/harness/repo.ts';
import { readBootId, readStat } from '../../src/proc.ts';
import { until } from '../e2e/rig.ts';
import { openReconcileRig, type ReconcileRig, refusePushes } from './rig.ts';

/** What the attempt says about its publishing, once that is over. */
async function publishStep(rig: ReconcileRig, id: string): Promise<{ status: string; detail: string }> {
  await rig.settles();
  const step = (await rig.client.attempt(id))?.steps.find((it) => it.step === 'publish');
  return { status: step?.status ?? '', detail: step?.detail ?? '' };
}

async function agentLive(rig: ReconcileRig, commit: string): Promise<string> {
  const answer = await rig.agentDeploys(commit);
  assert.ok(answer.success, JSON.stringify(answer));
  return answer.id;
}

/** Merges what is published of the agent's work, as the button of a forge does. Answers main's new head. */
function squashMerge({ human }: ReconcileRig): string {
  git(human, 'fetch', '-q', 'origin');
  git(human, 'merge', '-q', '--squash', 'origin/machine');
  git(human, 'commit', '-q', '-m', 'Squash machine');
  git(human, 'push', '-q', 'origin', 'HEAD:main');
  return git(human, 'rev-parse', 'HEAD');
}

const head = (rig: ReconcileRig): string => git(rig.layout.workspace, 'rev-parse', 'machine');

test('the agent’s branch: published when live, never when refused, never forced, reset when merged', { timeout: 120_000 }, async (t) => {
  const rig = await openReconcileRig(t, { contract: { max_branch_divergence: 5 } });
  assert.ok((await rig.client.deploy({ branch: 'main' })).success);
  rig.makeWorkspace();

  await t.test('a commit that goes live is published, up to it and no further', async () => {
    const commit = rig.work({ name: 'agent 1' });
    const newer = rig.work({ name: 'agent 2' });
    const id = await agentLive(rig, commit);
    assert.equal((await publishStep(rig, id)).status, 'succeeded');
    assert.deepEqual([rig.published('machine'), head(rig)], [commit, newer]);
    assert.deepEqual(await rig.reconcile(), []);
  });

  await t.test('a refused commit is not, and a rollback to what is published leaves nothing to publish', async () => {
    const live = rig.published('machine');
    const answer = await rig.agentDeploys(rig.work({ name: 'bad', exits: 'broken' }));
    assert.equal(answer.success, false);
    await rig.reconcile();
    assert.equal(rig.published('machine'), live);
    assert.equal(await rig.drift('unpublished'), undefined);
  });

  await t.test('a push that is refused is reported, and made later when it is possible', async () => {
    refusePushes(rig, 'the branch is protected');
    const published = rig.published('machine');
    const commit = rig.work({ name: 'agent 3' });
    const id = await agentLive(rig, commit);
    const step = await publishStep(rig, id);
    assert.equal(step.status, 'failed');
    assert.match(step.detail, /refused machine.*the branch is protected/);
    await rig.reconcile();
    assert.deepEqual((await rig.drift('unpublished'))?.action, 'publish');
    await until(
      () => rig.alerted().includes('push_rejected'),
      () => String(rig.alerted()),
    );
    assert.equal(rig.published('machine'), published);
    await rig.reconcile();
    refusePushes(rig, '');
    await rig.reconcile();
    assert.equal(rig.published('machine'), commit);
    assert.deepEqual(await publishStep(rig, id), { status: 'succeeded', detail: '' });
    await rig.reconcile();
    assert.equal(await rig.drift('unpublished'), undefined);
    await until(
      () => rig.alerted().includes('-push_rejected') && rig.alerted().includes('-publish_failed'),
      () => String(rig.alerted()),
    );
    assert.equal(rig.alerted().filter((it) => it === 'push_rejected').length, 1, 'alerted once, however often it was tried');
  });

  await t.test('commits of others on the published branch are never overwritten', async () => {
    git(rig.human, 'fetch', '-q', 'origin');
    git(rig.human, 'checkout', '-q', '-b', 'help', 'origin/machine');
    writeFileSync(join(rig.human, 'help.txt'), 'from a person\n');
    git(rig.human, 'add', '-A');
    git(rig.human, 'commit', '-q', '-m', 'Help the agent');
    git(rig.human, 'push', '-q', 'origin', 'help:machine');
    git(rig.human, 'checkout', '-q', 'main');
    const theirs = rig.published('machine');
    const id = await agentLive(rig, rig.work({ name: 'agent 4' }));
    assert.match((await publishStep(rig, id)).detail, /has commits that .* lacks, and they are not overwritten/);
    await rig.reconcile();
    assert.equal(rig.published('machine'), theirs);
    git(rig.layout.workspace, 'fetch', '-q', 'origin');
    git(rig.layout.workspace, 'merge', '-q', '-m', 'Merge what a person did', 'origin/machine');
    await agentLive(rig, head(rig));
    await rig.settles();
    assert.equal(rig.published('machine'), head(rig));
  });

  await t.test('squash-merged, it is set to main’s head, but not while the agent is at work', async () => {
    const before = head(rig);
    const merged = squashMerge(rig);
    const turn = join(rig.layout.run, 'agent-turn.json');
    writeFileSync(turn, JSON.stringify({ pid: process.pid, start_ticks: readStat(process.pid)?.startTicks, boot_id: readBootId() }));
    writeFileSync(join(rig.layout.workspace, 'half-done.txt'), 'in the middle of a thought\n');
    await rig.reconcile();
    assert.equal(head(rig), before);
    assert.match((await rig.drift('machine_merged'))?.detail ?? '', /has been merged\. The agent is working/);
    await rig.becomesLive(merged);

    // What a killed runner left behind names a process that is no more.
    writeFileSync(turn, JSON.stringify({ pid: process.pid, start_ticks: 1, boot_id: readBootId() }));
    await rig.reconcile();
    assert.deepEqual([head(rig), rig.published('machine')], [merged, merged]);
    rmSync(turn);
    const rescue = git(rig.layout.workspace, 'for-each-ref', '--format=%(refname)', 'refs/heads/rescue/').split('\n')[0] ?? '';
    assert.equal(git(rig.layout.workspace, 'show', `${rescue}:half-done.txt`), 'in the middle of a thought');
    assert.match(git(rig.layout.repo, 'for-each-ref', 'refs/greenroom/rescue/machine'), new RegExp(before));
    await rig.reconcile();
    assert.equal(await rig.drift('machine_merged'), undefined);
  });

  await t.test('merged and told so by the forge, it is reset at once, and the push is deployed', async () => {
    const commit = rig.work({ name: 'agent 5' });
    await agentLive(rig, commit);
    await rig.settles();
    git(rig.human, 'pull', '-q', 'origin', 'main');
    const merged = squashMerge(rig);
    assert.equal((await rig.merged(commit)).status, 202);
    await rig.told();
    await rig.becomesLive(merged);
    await until(
      () => head(rig) === merged,
      () => readFileSync(rig.logFile, 'utf8'),
    );
  });

  await t.test('an agent far away is alerted about', async () => {
    for (let step = 0; step < 6; step += 1) rig.work({ name: `step ${step}` });
    await rig.reconcile();
    assert.match((await rig.drift('agent_diverged'))?.detail ?? rig.log(), /machine has 6 commits/);
    await until(
      () => rig.alerted().includes('branch_divergence'),
      () => String(rig.alerted()),
    );
  });
});

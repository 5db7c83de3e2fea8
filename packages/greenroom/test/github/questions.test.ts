import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploysSummary } from '../../src/orchestrator/adapters/github/summary.ts';
import { descriptionOf } from '../../src/orchestrator/adapters/github/text.ts';
import { createMask } from '../../src/orchestrator/core/mask.ts';
import { attemptOf, sha, world } from './rig.ts';
import { openPull } from './stand-in/server.ts';

const UPDATE = { head: 'machine', base: 'main', title: 'Changes of the agent', summary: 'one' };

test('the pull request is opened once, and afterwards only our part of its text changes', async (t) => {
  const { gitHub, client } = await world(t);
  const opened = await client.openPullRequest(UPDATE);
  assert.ok(opened.ok);
  assert.equal(opened.value.change, 'opened');
  const [pull] = gitHub.pulls;
  assert.ok(pull);
  pull.body = `Please read this first.\r\n\r\n${pull.body?.replaceAll('\n', '\r\n')}\r\n\r\nAnd this.`;
  assert.deepEqual(await client.openPullRequest(UPDATE), { ok: true, value: { ...opened.value, change: 'unchanged' } });
  const updated = await client.openPullRequest({ ...UPDATE, title: 'ignored', summary: 'two' });
  assert.ok(updated.ok);
  assert.equal(updated.value.change, 'updated');
  assert.match(pull.body, /^Please read this first\..*two.*And this\.$/s);
  assert.doesNotMatch(pull.body, /one/);
  assert.equal(pull.title, 'Changes of the agent');
  assert.equal(gitHub.pulls.length, 1);
});

test('a pull request without our part keeps its text', async (t) => {
  const { gitHub, client } = await world(t);
  gitHub.pulls.push(openPull(7, 'by hand', 'by hand', 'machine', 'main'));
  assert.ok((await client.openPullRequest(UPDATE)).ok);
  assert.match(gitHub.pulls[0]?.body ?? '', /^by hand\n\n<!-- greenroom:begin -->\none\n/);
});

test('branches that do not differ need no pull request, and one that appears meanwhile is taken', async (t) => {
  const { gitHub, client } = await world(t);
  gitHub.emptyBranches.add('machine');
  const nothing = await client.openPullRequest(UPDATE);
  assert.deepEqual(nothing, { ok: true, value: { change: 'nothing', number: 0, url: '' } });

  gitHub.emptyBranches.clear();
  gitHub.fault = (operation) => {
    if (operation === 'pulls/create') gitHub.pulls.push(openPull(8, 'faster', null, 'machine', 'main'));
    return undefined;
  };
  const raced = await client.openPullRequest(UPDATE);
  assert.ok(raced.ok);
  assert.deepEqual([raced.value.change, raced.value.number], ['updated', 8]);
});

test('the pull request as a job is delivered once per occasion', async (t) => {
  const { gitHub, client, outbox, drain } = await world(t);
  for (const occasion of ['one', 'one', 'two']) await outbox.enqueue(client.pullRequestJob({ ...UPDATE, summary: occasion }, occasion));
  assert.deepEqual(await drain(), { done: 2, retried: 0, dead: 0 });
  assert.match(gitHub.pulls[0]?.body ?? '', /two/);
});

test('the summary of deploys mentions nobody and closes nothing', () => {
  const reason = 'fix `x` | closes #12 @octocat\n## head';
  const text = deploysSummary(
    'shop',
    [attemptOf({ id: 'one', commit: sha('a'), reason }), attemptOf({ id: 'two', commit: sha('b'), status: 'failed', code: 'gate_secret' })],
    createMask([]),
  );
  assert.match(text, /\| aaaaaaaaaa \| live \| `fix 'x' \/ closes #12 @octocat ## head` \|/);
  assert.match(text, /\| bbbbbbbbbb \| refused, gate secret \| {2}\|$/);
});

test('the summary of deploys shows no secret that somebody wrote into a reason, also where it is cut', () => {
  const reason = `log in with correct-horse ${'x '.repeat(40)} ghp_${'a1'.repeat(18)}`;
  const text = deploysSummary('shop', [attemptOf({ id: 'one', commit: sha('a'), reason })], createMask(['correct-horse']));
  assert.match(text, /log in with \[hidden\] x/);
  assert.doesNotMatch(text, /correct-horse|ghp_|a1a1/);
});

test('checks of a commit are summed up over runs, pages and statuses, without our own', async (t) => {
  const { gitHub, client } = await world(t);
  const commit = sha('a');
  const none = { ok: true, value: { state: 'none', total: 0, pending: 0, failed: [] } };
  assert.deepEqual(await client.checks(commit), none, 'a commit that GitHub does not have');
  gitHub.commits.add(commit);
  assert.deepEqual(await client.checks(commit), none);
  const status = { id: 1, state: 'success', context: 'ci/old', description: '', target_url: null };
  gitHub.statuses.set(commit, [{ ...status, state: 'failure', context: 'greenroom/shop' }, status]);
  gitHub.checkRuns.set(
    commit,
    Array.from({ length: 120 }, (_, index) => ({ name: `run ${index}`, status: 'completed', conclusion: 'success' })),
  );
  const good = await client.checks(commit);
  assert.ok(good.ok);
  assert.deepEqual(good.value, { state: 'success', total: 121, pending: 0, failed: [] });
  gitHub.checkRuns.get(commit)?.push({ name: 'slow', status: 'in_progress', conclusion: null });
  const waiting = await client.checks(commit);
  assert.deepEqual(waiting.ok && [waiting.value.state, waiting.value.pending], ['pending', 1]);
  gitHub.checkRuns.get(commit)?.push({ name: 'broken', status: 'completed', conclusion: 'timed_out' });
  const bad = await client.checks(commit);
  assert.ok(bad.ok);
  assert.equal(bad.value.state, 'failure');
  assert.deepEqual(
    bad.value.failed.map((it) => it.name),
    ['broken'],
  );
});

test('the merged pull request of a commit is found by its head, and only in this repository', async (t) => {
  const { gitHub, client } = await world(t);
  const commit = sha('a');
  assert.deepEqual(await client.mergedPullRequest(commit), { ok: true, value: null });
  gitHub.commits.add(commit);
  const closed = { ...openPull(5, 't', null, 'machine', 'main'), headSha: commit, state: 'closed' } as const;
  gitHub.pulls.push(closed, { ...closed, number: 6, merged: true, mergeSha: sha('b'), headRepository: 'mallory/shop' });
  assert.deepEqual(await client.mergedPullRequest(commit), { ok: true, value: null });
  gitHub.pulls.push({ ...closed, number: 7, merged: true, mergeSha: sha('b') });
  const found = { number: 7, headSha: commit, head: 'machine', base: 'main', mergeSha: sha('b') };
  assert.deepEqual(await client.mergedPullRequest(commit), { ok: true, value: found });
});

test('descriptions fit into what GitHub accepts and are cut between characters', () => {
  assert.equal(descriptionOf('short\n line'), 'short line');
  assert.equal(descriptionOf('x'.repeat(140)).length, 140);
  const cut = descriptionOf('😀'.repeat(80));
  assert.ok(cut.length <= 140);
  assert.match(cut, /^(?:😀)+…$/u);
});

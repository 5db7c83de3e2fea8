import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptOf, sha, world } from './rig.ts';

const states = (deployment: { statuses: { state: string }[] } | undefined): string[] => deployment?.statuses.map((it) => it.state) ?? [];

test('a promotion becomes one deployment, in progress and then live, and the one before becomes inactive', async (t) => {
  const { gitHub, report, drain, outbox } = await world(t);
  gitHub.commits.add(sha('a')).add(sha('b'));
  await report(attemptOf({ id: 'one', commit: sha('a'), status: 'running', promoted: false }, 'promote'));
  await drain();
  assert.deepEqual(gitHub.deployments.map(states), [['in_progress']]);
  await report(attemptOf({ id: 'one', commit: sha('a') }));
  await report(attemptOf({ id: 'two', commit: sha('b') }));
  await drain();

  assert.deepEqual(gitHub.deployments.map(states), [
    ['in_progress', 'success', 'inactive'],
    ['in_progress', 'success'],
  ]);
  const [, second] = gitHub.deployments;
  assert.deepEqual(second?.payload, { greenroom_app: 'shop', greenroom_attempt: 'two' });
  assert.equal(second?.environment, 'production');
  assert.equal(second?.statuses[1]?.log_url, 'https://ops.example.org/deploys/two');
  assert.equal(outbox.pending().waiting, 0);
});

test('what waits for approval, or was not given it, is no deployment; what was approved becomes one', async (t) => {
  const { gitHub, report, drain } = await world(t);
  gitHub.commits.add(sha('a')).add(sha('b'));
  const asked = { since: '', until: '', preview_path: '/.greenroom/preview/secret', by: '', reason: '' };
  const waiting = { status: 'running', promoted: false, approval: { ...asked, state: 'waiting' } } as const;
  await report(attemptOf({ id: 'one', commit: sha('a'), ...waiting }, 'promote'));
  const denied = {
    status: 'failed',
    promoted: false,
    code: 'not_approved',
    approval: { ...asked, state: 'denied', reason: 'no' },
  } as const;
  await report(attemptOf({ id: 'one', commit: sha('a'), ...denied }, 'promote'));
  await report(attemptOf({ id: 'two', commit: sha('b'), ...waiting }, 'promote'));
  await drain();
  assert.deepEqual([gitHub.deployments, gitHub.statuses.get(sha('a')) ?? []], [[], []]);
  await report(attemptOf({ id: 'two', commit: sha('b'), approval: { ...asked, state: 'approved', by: 'Ada' } }));
  await drain();
  assert.deepEqual(gitHub.deployments.map(states), [['in_progress', 'success']]);
  assert.doesNotMatch(JSON.stringify(gitHub.seen), /secret|Ada/);
});

test('reporting an attempt again, also after a restart, changes nothing', async (t) => {
  const it = await world(t);
  it.gitHub.commits.add(sha('a'));
  const attempt = attemptOf({ id: 'one', commit: sha('a') });
  await it.report(attempt);
  await it.drain();
  const asked = it.gitHub.seen.length;
  await it.report(attempt);
  await it.restart();
  await it.report(attempt);
  await it.drain();
  assert.equal(it.gitHub.seen.length, asked);
  assert.deepEqual(it.gitHub.deployments.map(states), [['in_progress', 'success']]);
});

test('an automatic rollback marks the release as failed and the earlier one as live again', async (t) => {
  const { gitHub, report, drain } = await world(t);
  gitHub.commits.add(sha('a')).add(sha('b'));
  await report(attemptOf({ id: 'one', commit: sha('a') }));
  await report(attemptOf({ id: 'two', commit: sha('b') }));
  await report(attemptOf({ id: 'two', commit: sha('b'), status: 'rolled_back', code: 'rolled_back' }));
  await report(attemptOf({ id: 'auto-two', commit: sha('a'), kind: 'rollback', trigger: 'reconcile' }));
  await drain();
  assert.deepEqual(gitHub.deployments.map(states), [
    ['in_progress', 'success', 'inactive'],
    ['in_progress', 'success', 'failure'],
    ['in_progress', 'success'],
  ]);
  assert.match(gitHub.deployments[2]?.description ?? '', /^Rollback to aaaaaaaaaa /);
  assert.deepEqual(
    gitHub.statuses.get(sha('b'))?.map((it) => it.state),
    ['failure'],
  );
});

test('what other tools and other apps deploy is left alone', async (t) => {
  const { gitHub, report, drain } = await world(t);
  gitHub.commits.add(sha('a'));
  const other = { sha: sha('9'), environment: 'production', description: '', statuses: [] };
  gitHub.deployments.push({ ...other, id: -3, payload: 'not json' }, { ...other, id: -2, payload: {} });
  gitHub.deployments.push({ ...other, id: -1, payload: JSON.stringify({ greenroom_app: 'other', greenroom_attempt: 'x' }) });
  await report(attemptOf({ id: 'one', commit: sha('a') }));
  await drain();
  assert.deepEqual(gitHub.deployments.map(states), [[], [], [], ['in_progress', 'success']]);
});

test('a refused commit gets a failed status with a fixed sentence; a later promotion takes it back', async (t) => {
  const { gitHub, report, drain } = await world(t);
  gitHub.commits.add(sha('a'));
  const failed = { status: 'failed', promoted: false, code: 'smoke_failed', error: 'secret-path /srv/x' } as const;
  await report(attemptOf({ id: 'one', commit: sha('a'), ...failed }, 'probe'));
  await drain();
  assert.equal(gitHub.deployments.length, 0);
  const [status] = gitHub.statuses.get(sha('a')) ?? [];
  assert.equal(status?.state, 'failure');
  assert.equal(status?.context, 'greenroom/shop');
  assert.equal(status?.description, 'Failed: its smoke test failed.');
  assert.equal(status?.target_url, 'https://ops.example.org/deploys/one');

  await report(attemptOf({ id: 'two', commit: sha('a') }));
  await drain();
  assert.deepEqual(
    gitHub.statuses.get(sha('a'))?.map((it) => it.state),
    ['failure', 'success'],
  );
});

test('nothing is said about attempts that say nothing about their commit, nor about commits that GitHub does not have', async (t) => {
  const { gitHub, report, drain, outbox } = await world(t);
  gitHub.commits.add(sha('a'));
  const failed = { status: 'failed', promoted: false } as const;
  await report(attemptOf({ id: 'one', commit: sha('a'), ...failed, code: 'superseded' }, 'resolve'));
  await report(attemptOf({ id: 'two', commit: '', ...failed, code: 'commit_not_found' }, 'resolve'));
  await report(attemptOf({ id: 'three', commit: sha('c'), ...failed, code: 'gate_secret' }, 'gate'));
  assert.deepEqual(await drain(), { done: 1, retried: 0, dead: 0 });
  assert.equal(gitHub.statuses.size, 0);
  assert.equal(outbox.pending().waiting, 0);
});

test('a commit that is promoted before its push arrives is reported once it has', async (t) => {
  const { gitHub, report, drain, outbox, pass } = await world(t);
  await report(attemptOf({ id: 'one', commit: sha('a') }));
  await drain();
  assert.equal(outbox.pending().lastError, 'The commit is not on GitHub yet.');
  gitHub.commits.add(sha('a'));
  pass(31_000);
  await drain();
  assert.deepEqual(gitHub.deployments.map(states), [['in_progress', 'success']]);
});

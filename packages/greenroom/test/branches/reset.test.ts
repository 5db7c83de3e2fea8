import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Rescue, ResetReport } from '../../src/orchestrator/ports.ts';
import { commit, git } from '../git/fixture.ts';
import { agentCommit, headOf, humanCommit, lines, mergePublished, never, promote, type Shared, shared } from './world.ts';

function done(report: ResetReport): Extract<ResetReport, { status: 'reset' }> {
  if (report.status !== 'reset') throw new Error(JSON.stringify(report));
  return report;
}

function reasonOf(report: ResetReport): string {
  return report.status === 'postponed' ? report.reason : report.status;
}

/** Published work of the agent, squash-merged. */
async function uncommitted(world: Shared): Promise<Rescue | undefined> {
  return (await world.branches.rescues()).find(({ subject }) => subject.startsWith('Uncommitted'));
}

async function squashed(world: Shared): Promise<{ old: string; main: string }> {
  agentCommit(world, { 'a.txt': lines('a', { 3: 'agent' }) });
  const old = agentCommit(world, { 'c.txt': 'new\n' });
  assert.equal((await promote(world, old)).status, 'pushed');
  const main = mergePublished(world, 'squash');
  await world.branches.refresh(never);
  return { old, main };
}

test('after a squash merge the branch is at main everywhere, and the old commits are kept', async (t) => {
  const world = await shared(t);
  const { old, main } = await squashed(world);
  const report = done(await world.branches.resetMachine(never));
  assert.equal(report.commit, main);
  assert.equal(report.published?.status, 'pushed');
  assert.equal(report.published?.replaced, true);
  const { workspace } = world.layout;
  assert.equal(headOf(workspace, 'HEAD'), main);
  assert.equal(git(workspace, 'symbolic-ref', 'HEAD'), 'refs/heads/machine');
  assert.equal(git(workspace, 'status', '--porcelain'), '');
  assert.equal(headOf(world.origin, 'machine'), main);
  const [kept, ...more] = await world.branches.rescues();
  assert.deepEqual([kept?.commit, kept?.from, more.length], [old, 'machine', 0]);
  assert.equal(git(world.origin, 'for-each-ref', 'refs/greenroom'), '');
  assert.deepEqual(await world.branches.resetMachine(never), { status: 'not_needed', state: 'current' });
  // The next work is published as a plain fast-forward.
  const next = await promote(world, agentCommit(world, { 'd.txt': 'd\n' }));
  assert.deepEqual([next.status, next.replaced], ['pushed', false]);
});

test('after a true merge nothing has to be kept or replaced', async (t) => {
  const world = await shared(t);
  await promote(world, agentCommit(world, { 'c.txt': 'new\n' }));
  const main = mergePublished(world, 'merge');
  await world.branches.refresh(never);
  const report = done(await world.branches.resetMachine(never));
  assert.deepEqual([report.rescued, report.published?.status, report.published?.replaced], [[], 'pushed', false]);
  assert.equal(headOf(world.origin, 'machine'), main);
});

test('unmerged work is not reset', async (t) => {
  const world = await shared(t);
  await promote(world, agentCommit(world, { 'c.txt': 'new\n' }));
  assert.deepEqual(await world.branches.resetMachine(never), { status: 'not_needed', state: 'unmerged' });
});

test('uncommitted work of every kind is kept, and the workspace is clean afterwards', async (t) => {
  const world = await shared(t);
  const { workspace } = world.layout;
  agentCommit(world, { '.gitignore': 'local.env\nnode_modules/\n' });
  await squashed(world);
  const main = humanCommit(world, { 'taken.txt': 'by a human\n' });
  await world.branches.refresh(never);
  writeFileSync(join(workspace, 'b.txt'), 'staged\n');
  git(workspace, 'add', 'b.txt');
  writeFileSync(join(workspace, 'b.txt'), 'edited again\n');
  writeFileSync(join(workspace, 'untracked.txt'), 'untracked\n');
  writeFileSync(join(workspace, 'local.env'), 'ignored\n');
  writeFileSync(join(workspace, 'taken.txt'), 'by the agent\n');
  git(workspace, 'rm', '-q', '--cached', 'a.txt');
  mkdirSync(join(workspace, 'node_modules'));
  writeFileSync(join(workspace, 'node_modules', 'x'), 'x');

  const report = done(await world.branches.resetMachine(never));
  assert.equal(headOf(workspace, 'HEAD'), main);
  assert.equal(git(workspace, 'status', '--porcelain'), '');
  assert.equal(readFileSync(join(workspace, 'taken.txt'), 'utf8'), 'by a human\n');
  assert.equal(readFileSync(join(workspace, 'local.env'), 'utf8'), 'ignored\n');
  assert.equal(existsSync(join(workspace, 'node_modules', 'x')), true);
  assert.equal(existsSync(join(workspace, 'untracked.txt')), false);
  const here = (await world.branches.rescues()).find(({ subject }) => subject.startsWith('Uncommitted changes'));
  const there = report.rescued.find((name) => name.startsWith('rescue/machine-')) ?? '';
  assert.equal(headOf(workspace, there), here?.commit);
  for (const [repository, ref] of [
    [world.layout.repo, here?.ref ?? ''],
    [workspace, there],
  ] as const) {
    assert.equal(git(repository, 'show', `${ref}:b.txt`), 'edited again');
    assert.equal(git(repository, 'show', `${ref}:untracked.txt`), 'untracked');
    assert.equal(git(repository, 'show', `${ref}:taken.txt`), 'by the agent');
    assert.equal(git(repository, 'show', `${ref}^2:b.txt`), 'staged');
  }
});

test('an ignored file where main has one now is kept too', async (t) => {
  const world = await shared(t);
  const { workspace } = world.layout;
  agentCommit(world, { '.gitignore': 'config.json\n' });
  await squashed(world);
  writeFileSync(join(world.human, 'config.json'), 'from main\n');
  git(world.human, 'add', '-f', 'config.json');
  humanCommit(world, {});
  await world.branches.refresh(never);
  writeFileSync(join(workspace, 'config.json'), 'local\n');
  const { rescued } = done(await world.branches.resetMachine(never));
  assert.equal(readFileSync(join(workspace, 'config.json'), 'utf8'), 'from main\n');
  assert.equal(git(workspace, 'show', `${rescued.at(-1)}:config.json`), 'local');
});

test('a busy agent is not disturbed, nor one that begins meanwhile', async (t) => {
  const world = await shared(t);
  const { old } = await squashed(world);
  world.says.agentBusy = true;
  assert.equal(reasonOf(await world.branches.resetMachine(never)), 'agent_busy');
  let asked = 0;
  Object.defineProperty(world.says, 'agentBusy', { get: () => asked++ > 0 });
  assert.equal(reasonOf(await world.branches.resetMachine(never)), 'agent_busy');
  assert.ok(asked > 1);
  assert.equal(headOf(world.layout.workspace, 'HEAD'), old);
  assert.equal(headOf(world.origin, 'machine'), old);
});

test('a half-done operation in the workspace postpones', async (t) => {
  const world = await shared(t);
  await squashed(world);
  for (const name of ['MERGE_HEAD', 'index.lock', 'rebase-merge']) {
    const file = join(world.layout.workspace, '.git', name);
    writeFileSync(file, '');
    assert.equal(reasonOf(await world.branches.resetMachine(never)), 'unfinished_operation', name);
    execFileSync('rm', [file]);
  }
  done(await world.branches.resetMachine(never));
});

test('newer unmerged commits are kept in both places; when they are live or published the reset waits', async (t) => {
  const world = await shared(t);
  const { main } = await squashed(world);
  const newer = agentCommit(world, { 'e.txt': 'newer\n' });
  await world.repo.resolve({ commit: newer }, never);
  await world.repo.markLive(newer, '');
  assert.equal(reasonOf(await world.branches.resetMachine(never)), 'unmerged_live');
  await world.repo.markLive(main, newer);
  const report = done(await world.branches.resetMachine(never));
  assert.equal(headOf(world.layout.workspace, report.rescued.find((name) => name.startsWith('rescue/')) ?? 'none'), newer);
  assert.ok((await world.branches.rescues()).some((rescue) => rescue.commit === newer));
  assert.equal(headOf(world.layout.workspace, 'HEAD'), main);
  // The way back that the guide names.
  git(world.layout.workspace, 'cherry-pick', newer);
  await world.branches.refresh(never);
  assert.deepEqual(await world.branches.resetMachine(never), { status: 'not_needed', state: 'unmerged' });
});

test('newer published commits postpone, by the event too', async (t) => {
  const world = await shared(t);
  const { old, main } = await squashed(world);
  const newer = agentCommit(world, { 'e.txt': 'newer\n' });
  assert.equal((await promote(world, newer)).status, 'pushed');
  await world.repo.markLive(main, '');
  assert.equal(await world.branches.noteMerged(old, never), true);
  assert.equal(reasonOf(await world.branches.resetMachine(never)), 'unmerged_published');
});

test('without a workspace the published branch is reset, and others’ commits there are left alone', async (t) => {
  const world = await shared(t, { workspace: false });
  const elsewhere = join(world.root, 'elsewhere');
  git(world.root, 'clone', '-q', world.origin, elsewhere);
  git(elsewhere, 'checkout', '-q', '-b', 'machine');
  const old = commit(elsewhere, { 'c.txt': 'agent\n' });
  git(elsewhere, 'push', '-q', 'origin', 'machine');
  const main = mergePublished(world, 'squash');
  await world.branches.refresh(never);
  // Pushed after the look: the lease does not hold any more.
  const late = commit(elsewhere, { 'late.txt': 'late\n' });
  git(elsewhere, 'push', '-q', 'origin', 'machine');
  const report = done(await world.branches.resetMachine(never));
  assert.equal(report.published?.status, 'rejected');
  assert.equal(headOf(world.origin, 'machine'), late);
  git(elsewhere, 'push', '-q', '-f', 'origin', `${old}:machine`);
  await world.branches.refresh(never);
  assert.equal(done(await world.branches.resetMachine(never)).published?.status, 'pushed');
  assert.equal(headOf(world.origin, 'machine'), main);
  // Somebody's forced push took it off the branch; it is not lost.
  assert.ok((await world.branches.rescues()).some((rescue) => rescue.commit === late));
});

test('an unreachable remote: the workspace is reset, the published branch follows later with the next work', async (t) => {
  const world = await shared(t);
  const { old } = await squashed(world);
  execFileSync('mv', [world.origin, `${world.origin}.away`]);
  const report = done(await world.branches.resetMachine(never));
  assert.equal(report.published?.status, 'unreachable');
  const next = agentCommit(world, { 'd.txt': 'd\n' });
  execFileSync('mv', [`${world.origin}.away`, world.origin]);
  assert.equal((await world.branches.mergedState()).publishedLags, true);
  assert.equal(headOf(world.origin, 'machine'), old);
  const pushed = await promote(world, next);
  assert.deepEqual([pushed.status, pushed.replaced], ['pushed', true]);
  assert.equal(headOf(world.origin, 'machine'), next);
  assert.equal((await world.branches.mergedState()).publishedLags, false);
});

test('a workspace of another user is written as that user, and nothing that its configuration names is run', async (t) => {
  const world = await shared(t);
  const { workspace } = world.layout;
  agentCommit(world, { '.gitattributes': '* filter=evil\n' });
  const { main } = await squashed(world);
  const marker = join(world.root, 'ran');
  const evil = `touch ${marker}; cat`;
  for (const name of ['filter.evil.clean', 'filter.evil.smudge', 'filter.evil.process', 'core.fsmonitor', 'core.sshCommand'])
    git(workspace, 'config', name, evil);
  git(workspace, 'config', 'filter.evil.required', 'true');
  git(workspace, 'config', 'core.alternateRefsCommand', evil);
  for (const hook of [
    'reference-transaction',
    'post-checkout',
    'pre-receive',
    'update',
    'post-index-change',
    'post-receive',
    'post-update',
  ]) {
    const file = join(workspace, '.git', 'hooks', hook);
    writeFileSync(file, `#!/bin/sh\ntouch ${marker}\n`);
    chmodSync(file, 0o755);
  }
  writeFileSync(join(workspace, 'wip.txt'), 'wip\n');
  execFileSync('chmod', ['777', world.root]);
  execFileSync('chmod', ['755', world.layout.data]);
  execFileSync('chown', ['-R', '65534:65534', workspace]);
  const { rescued } = done(await world.branches.resetMachine(never));
  assert.equal(rescued.length, 3);
  assert.equal(existsSync(marker), false);
  const strangers = execFileSync('find', [workspace, '!', '-uid', '65534'], { encoding: 'utf8' });
  assert.equal(strangers, '');
  assert.equal(statSync(join(workspace, 'c.txt')).uid, 65534);
  assert.equal(readFileSync(join(workspace, '.git', 'refs', 'heads', 'machine'), 'utf8').trim(), main);
});

test('a workspace whose git folder is a link is left alone', async (t) => {
  const world = await shared(t);
  await squashed(world);
  const { workspace } = world.layout;
  execFileSync('mv', [join(workspace, '.git'), join(world.root, 'moved.git')]);
  execFileSync('ln', ['-s', join(world.root, 'moved.git'), join(workspace, '.git')]);
  assert.equal(reasonOf(await world.branches.resetMachine(never)), 'workspace_unusable');
});

test('an agent on another branch keeps its files; only its machine branch moves', async (t) => {
  const world = await shared(t);
  const { main } = await squashed(world);
  const { workspace } = world.layout;
  git(workspace, 'checkout', '-q', '-b', 'idea');
  writeFileSync(join(workspace, 'wip.txt'), 'wip\n');
  done(await world.branches.resetMachine(never));
  assert.equal(headOf(workspace, 'machine'), main);
  assert.equal(git(workspace, 'symbolic-ref', 'HEAD'), 'refs/heads/idea');
  assert.equal(readFileSync(join(workspace, 'wip.txt'), 'utf8'), 'wip\n');
});

test('a reset that died half-way is finished by the next, and what was uncommitted before it is kept', async (t) => {
  for (const died of ['after the files', 'after the index'] as const) {
    const world = await shared(t);
    const { main } = await squashed(world);
    const { workspace } = world.layout;
    git(workspace, 'fetch', '-q');
    if (died === 'after the index') git(workspace, 'read-tree', '-m', '-u', 'HEAD', main);
    else git(workspace, '--work-tree', workspace, 'restore', '--source', main, '--worktree', '.');
    writeFileSync(join(workspace, 'wip.txt'), 'wip\n');
    done(await world.branches.resetMachine(never));
    assert.equal(headOf(workspace, 'machine'), main);
    assert.equal(git(workspace, 'status', '--porcelain'), '');
    const kept = await uncommitted(world);
    assert.equal(git(world.layout.repo, 'show', `${kept?.ref}:wip.txt`), 'wip');
  }
});

test('aborted at any moment: nothing is lost, nothing is left locked, and the next reset finishes', async (t) => {
  const world = await shared(t);
  const { main } = await squashed(world);
  const { workspace } = world.layout;
  writeFileSync(join(workspace, 'wip.txt'), 'wip\n');
  for (let delayMs = 1; ; delayMs = Math.ceil(delayMs * 1.7)) {
    const report = await world.branches.resetMachine(AbortSignal.timeout(delayMs));
    if (report.status === 'reset') break;
    assert.equal(reasonOf(report), 'aborted');
    // In the workspace until that is switched, and in a rescue ref from before then on.
    if (existsSync(join(workspace, 'wip.txt'))) assert.equal(readFileSync(join(workspace, 'wip.txt'), 'utf8'), 'wip\n');
    else assert.equal(git(world.layout.repo, 'show', `${(await uncommitted(world))?.ref}:wip.txt`), 'wip');
    assert.deepEqual(
      readdirSync(join(workspace, '.git')).filter((name) => /lock$|^greenroom/.test(name)),
      [],
    );
  }
  assert.equal(headOf(workspace, 'HEAD'), main);
  assert.equal(git(workspace, 'status', '--porcelain'), '');
  const kept = await uncommitted(world);
  assert.equal(git(world.layout.repo, 'show', `${kept?.ref}:wip.txt`), 'wip');
});

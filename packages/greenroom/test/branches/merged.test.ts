import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commit, git } from '../git/fixture.ts';
import { agentCommit, humanCommit, lines, mergePublished, never, promote, type Shared, shared } from './world.ts';

async function state(world: Shared): Promise<string> {
  await world.branches.refresh(never);
  const { state: name, by } = await world.branches.mergedState();
  return by === '' ? name : `${name} by ${by}`;
}

/** Two commits of the agent, published. */
async function work(world: Shared): Promise<string> {
  agentCommit(world, { 'a.txt': lines('a', { 3: 'agent' }) });
  const head = agentCommit(world, { 'c.txt': 'new\n' });
  assert.equal((await promote(world, head)).status, 'pushed');
  return head;
}

test('a branch without work of its own, with unmerged work, and merged in each way', async (t) => {
  const world = await shared(t);
  assert.equal(await state(world), 'current');
  humanCommit(world, { 'b.txt': lines('b', { 1: 'human' }) });
  assert.equal(await state(world), 'behind');
  await work(world);
  assert.equal(await state(world), 'unmerged');
  assert.equal((await world.branches.mergedState()).unmerged.length, 2);
  mergePublished(world, 'merge');
  assert.equal(await state(world), 'merged by ancestor');
});

test('no branch of the agent at all', async (t) => {
  assert.equal(await state(await shared(t, { workspace: false })), 'none');
});

test('a squash is found by content, and below newer commits that hide it by its patch', async (t) => {
  const world = await shared(t);
  await work(world);
  mergePublished(world, 'squash');
  assert.equal(await state(world), 'merged by content');
  humanCommit(world, { 'b.txt': lines('b', { 1: 'human' }) });
  assert.equal(await state(world), 'merged by content');
  humanCommit(world, { 'a.txt': lines('a', { 3: 'human has the last word' }) });
  assert.equal(await state(world), 'merged by squash');
});

test('a squash that was reverted was merged all the same', async (t) => {
  const world = await shared(t);
  await work(world);
  mergePublished(world, 'squash');
  git(world.human, 'revert', '--no-edit', 'HEAD');
  git(world.human, 'push', '-q', 'origin', 'main');
  assert.equal(await state(world), 'merged by squash');
});

test('a rebase merge is found commit by commit when later changes hide the content', async (t) => {
  const world = await shared(t);
  await work(world);
  humanCommit(world, { 'd.txt': 'so that the ids differ\n' });
  mergePublished(world, 'rebase');
  humanCommit(world, { 'a.txt': lines('a', { 3: 'human' }) });
  assert.equal(await state(world), 'merged by rebase');
});

test('a squash that was edited is known by its event only, and only for the agent’s commits up to it', async (t) => {
  const world = await shared(t);
  const head = await work(world);
  git(world.human, 'fetch', '-q');
  git(world.human, 'merge', '-q', '--squash', 'origin/machine');
  humanCommit(world, { 'a.txt': lines('a', { 3: 'edited in the merge' }) });
  assert.equal(await state(world), 'unmerged');
  assert.equal(await world.branches.noteMerged('0'.repeat(40), never), false);
  assert.equal(await world.branches.noteMerged('--all', never), false);
  assert.equal(await world.branches.noteMerged(head, never), true);
  assert.equal(await state(world), 'merged by event');
  const newer = agentCommit(world, { 'e.txt': 'newer\n' });
  assert.equal(await state(world), 'partly by event');
  const partly = await world.branches.mergedState();
  assert.deepEqual([partly.through, partly.unmerged], [head, [newer]]);
});

test('newer commits of the agent on a squashed head are unmerged', async (t) => {
  const world = await shared(t);
  const head = await work(world);
  mergePublished(world, 'squash');
  const newer = agentCommit(world, { 'e.txt': 'newer\n' });
  await world.branches.refresh(never);
  const partly = await world.branches.mergedState();
  assert.deepEqual([partly.state, partly.by, partly.through, partly.unmerged], ['partly', 'content', head, [newer]]);
  // Once the agent has merged main, its branch is fine as it is.
  git(world.layout.workspace, 'fetch', '-q');
  git(world.layout.workspace, 'merge', '-q', '--no-edit', 'origin/main');
  assert.equal(await state(world), 'unmerged');
});

test('work that another person pushed to the agent’s branch keeps it unmerged', async (t) => {
  const world = await shared(t);
  await work(world);
  mergePublished(world, 'squash');
  git(world.human, 'checkout', '-q', '-B', 'machine', 'origin/machine');
  commit(world.human, { 'h.txt': 'on machine\n' });
  git(world.human, 'push', '-q', 'origin', 'machine');
  assert.equal(await state(world), 'unmerged');
});

test('a published commit without effect, with real work on top, is not taken for a merge', async (t) => {
  const world = await shared(t);
  agentCommit(world, { 'a.txt': lines('a', { 3: 'try' }) });
  assert.equal((await promote(world, agentCommit(world, { 'a.txt': lines('a') }, 'and back'))).status, 'pushed');
  agentCommit(world, { 'c.txt': 'work in progress\n' });
  humanCommit(world, { 'b.txt': lines('b', { 1: 'human' }) });
  assert.equal(await state(world), 'unmerged');
});

test('refresh counts the divergence and says where live is', async (t) => {
  const world = await shared(t);
  const head = await work(world);
  const newest = agentCommit(world, { 'e.txt': '1\n' });
  const main = humanCommit(world, { 'b.txt': lines('b', { 1: 'human' }) });
  const view = await world.branches.refresh(never);
  assert.deepEqual(view, {
    human: { name: 'main', commit: main, containsLive: false },
    agent: { name: 'machine', commit: newest, containsLive: true, local: newest, published: head },
    ahead: 3,
    behind: 1,
    unpublished: 1,
    live: head,
    problem: '',
  });
});

test('published work that was undone before it was merged is unmerged, and so is another person’s that a merge has dropped', async (t) => {
  const world = await shared(t);
  await work(world);
  agentCommit(world, { 'a.txt': lines('a'), 'c.txt': null }, 'undo');
  assert.equal(await state(world), 'unmerged');
  git(world.human, 'fetch', '-q');
  git(world.human, 'checkout', '-q', '-B', 'machine', 'origin/machine');
  commit(world.human, { 'h.txt': 'on machine\n' });
  git(world.human, 'push', '-q', 'origin', 'machine');
  git(world.layout.workspace, 'fetch', '-q');
  git(world.layout.workspace, 'merge', '-q', '--no-edit', '-s', 'ours', 'origin/machine');
  assert.equal(await state(world), 'unmerged');
});

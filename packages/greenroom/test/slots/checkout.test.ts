import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commit, failure, git, value, world } from '../git/fixture.ts';

const rescues = (repo: string): string[] =>
  git(repo, 'for-each-ref', '--format=%(refname)', 'refs/greenroom/rescue')
    .split('\n')
    .filter((ref) => ref !== '');
const status = (slot: string): string => git(slot, 'status', '--porcelain', '--untracked-files=all');
const read = (...parts: string[]): string => readFileSync(join(...parts), 'utf8');

test('a slot holds exactly the commit, back and forth, and never the other slot', async (t) => {
  const { app, layout, prepare, first, repo } = await world(t, { 'a.txt': '1', 'gone.txt': 'x', '.gitignore': 'node_modules/\n' });
  const second = commit(app, { 'a.txt': '2', 'gone.txt': null, 'deep/new.txt': 'n' });
  const a = value(await prepare('a', first));
  assert.deepEqual([a.commit, a.rescued, a.setup, a.directory], [first, '', 'none', layout.slot('a')]);
  value(await prepare('b', second));
  const forth = value(await prepare('a', second));
  assert.equal(forth.detail, '3 files changed');
  assert.equal(read(layout.slot('a'), 'deep/new.txt'), 'n');
  value(await prepare('a', first));
  assert.equal(existsSync(join(layout.slot('a'), 'deep')), false);
  assert.equal(read(layout.slot('b'), 'a.txt'), '2');
  for (const [slot, head] of [
    ['a', first],
    ['b', second],
  ] as const) {
    assert.equal(status(layout.slot(slot)), '');
    assert.equal(git(layout.slot(slot), 'rev-parse', 'HEAD'), head);
    assert.equal(git(layout.repo, 'rev-parse', `refs/greenroom/slot/${slot}`), head);
  }
  assert.deepEqual(rescues(layout.repo), []);
  assert.equal((await repo.git.run(['fsck', '--connectivity-only'])).code, 0);
});

test('edits, staged edits and untracked files are saved before they are overwritten; ignored files stay', async (t) => {
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1', 'b.txt': '1', '.gitignore': 'ignored/\n' });
  value(await prepare('a', first));
  const slot = layout.slot('a');
  mkdirSync(join(slot, 'ignored'));
  writeFileSync(join(slot, 'ignored/keep'), 'kept');
  writeFileSync(join(slot, 'a.txt'), 'edited');
  writeFileSync(join(slot, 'b.txt'), 'staged');
  git(slot, 'add', 'b.txt');
  writeFileSync(join(slot, 'strange\n"näme'), 'untracked');
  const second = commit(app, { 'a.txt': '2' });
  const { rescued, detail } = value(await prepare('a', second));
  assert.match(rescued, /^refs\/greenroom\/rescue\/\d{8}T\d{6}Z-a-[0-9a-f]{7}$/);
  assert.ok(detail.includes(rescued));
  assert.equal(git(layout.repo, 'show', `${rescued}:a.txt`), 'edited');
  assert.equal(git(layout.repo, 'show', `${rescued}:b.txt`), 'staged');
  assert.equal(git(layout.repo, 'show', `${rescued}:strange\n"näme`), 'untracked');
  assert.equal(git(layout.repo, 'rev-parse', `${rescued}^`), first);
  assert.match(git(layout.repo, 'log', '-1', '--format=%B', rescued), /slot a[\s\S]*deploy-a/);
  assert.deepEqual([read(slot, 'a.txt'), read(slot, 'b.txt'), read(slot, 'ignored/keep')], ['2', '1', 'kept']);
  assert.equal(status(slot), '');
  // Edits that the change does not touch are found too, and a second rescue leaves the first.
  writeFileSync(join(slot, 'b.txt'), 'again');
  const back = value(await prepare('a', first));
  assert.equal(git(layout.repo, 'show', `${back.rescued}:b.txt`), 'again');
  assert.equal(rescues(layout.repo).length, 2);
  assert.equal(status(slot), '');
});

test('a deleted file, a changed mode and a merge that was left are edits too', async (t) => {
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1', 'b.txt': '1' });
  git(app, 'checkout', '-q', '-b', 'side');
  const side = commit(app, { 'a.txt': 'side' });
  git(app, 'checkout', '-q', 'main');
  const second = commit(app, { 'a.txt': '2' });
  value(await prepare('b', side));
  value(await prepare('a', second));
  const slot = layout.slot('a');
  assert.throws(() => git(slot, 'merge', side));
  unlinkSync(join(slot, 'b.txt'));
  const { rescued } = value(await prepare('a', first));
  assert.match(git(layout.repo, 'show', `${rescued}:a.txt`), /<<<<<<</);
  assert.throws(() => git(layout.repo, 'show', `${rescued}:b.txt`));
  assert.equal(status(slot), '');
  assert.equal(git(slot, 'rev-parse', 'HEAD'), first);
});

test('commits that somebody made in the slot are kept', async (t) => {
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1' });
  value(await prepare('a', first));
  const made = commit(layout.slot('a'), { 'made.txt': 'in the slot' });
  const second = commit(app, { 'a.txt': '2' });
  const { rescued } = value(await prepare('a', second));
  assert.equal(git(layout.repo, 'rev-parse', rescued), made);
  assert.equal(existsSync(join(layout.slot('a'), 'made.txt')), false);
});

test('ignored files that the next commit tracks are saved', async (t) => {
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1', '.gitignore': 'local.conf\n' });
  value(await prepare('a', first));
  writeFileSync(join(layout.slot('a'), 'local.conf'), 'mine');
  const second = commit(app, { '.gitignore': '', 'local.conf': 'tracked' });
  const { rescued } = value(await prepare('a', second));
  assert.equal(git(layout.repo, 'show', `${rescued}:local.conf`), 'mine');
  assert.equal(read(layout.slot('a'), 'local.conf'), 'tracked');
});

test('a nested repository and a .git folder of the app’s own are moved aside, whole', async (t) => {
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1' });
  value(await prepare('a', first));
  const slot = layout.slot('a');
  mkdirSync(join(slot, 'nested'));
  git(join(slot, 'nested'), 'init', '-q');
  commit(join(slot, 'nested'), { 'n.txt': 'nested' });
  unlinkSync(join(slot, '.git'));
  git(slot, 'init', '-q');
  value(await prepare('a', commit(app, { 'a.txt': '2' })));
  assert.equal(existsSync(join(slot, 'nested')), false);
  const kept = readdirSync(join(layout.data, 'rescue'), { recursive: true }).map(String);
  assert.ok(kept.some((path) => path.endsWith('nested/n.txt')));
  assert.ok(kept.some((path) => /-a-[^/]+\/\.git\/HEAD$/.test(path)));
  assert.equal(status(slot), '');
});

test('a slot that was removed, emptied or replaced comes back', async (t) => {
  const { layout, prepare, first, repo } = await world(t, { 'a.txt': '1' });
  const slot = layout.slot('a');
  value(await prepare('a', first));
  rmSync(slot, { recursive: true });
  assert.equal(value(await prepare('a', first)).rescued, '');
  assert.equal(status(slot), '');
  renameSync(slot, `${slot}.elsewhere`);
  symlinkSync('/etc', slot);
  value(await prepare('a', first));
  assert.equal(read(slot, 'a.txt'), '1');
  rmSync(join(layout.repo, 'worktrees'), { recursive: true });
  assert.equal(value(await prepare('a', first)).rescued, '');
  writeFileSync(join(layout.repo, 'worktrees', 'deploy-a', 'index'), 'not an index');
  writeFileSync(join(layout.repo, 'worktrees', 'deploy-a', 'index.lock'), '');
  writeFileSync(join(layout.run, 'slot-a.json'), '{"comm');
  value(await prepare('a', first));
  assert.equal(status(slot), '');
  assert.equal((await repo.git.run(['fsck'])).code, 0);
});

test('hooks, filters and fsmonitor of a commit or of the slot never run', async (t) => {
  const { app, layout, prepare, root, first } = await world(t, { 'a.txt': '1', '.gitattributes': '* filter=evil diff=evil\n' });
  value(await prepare('a', first));
  const marker = join(root, 'ran');
  const slot = layout.slot('a');
  // Configuration that the app could write: a repository of its own in place of the .git file.
  unlinkSync(join(slot, '.git'));
  git(slot, 'init', '-q');
  for (const name of ['filter.evil.smudge', 'filter.evil.clean', 'core.fsmonitor', 'diff.external'])
    git(slot, 'config', name, `touch ${marker}`);
  writeFileSync(join(slot, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 });
  writeFileSync(join(slot, 'a.txt'), 'edited');
  const { rescued } = value(await prepare('a', commit(app, { 'a.txt': '2' })));
  assert.notEqual(rescued, '');
  assert.equal(existsSync(marker), false);
});

test('an unknown commit is refused and the slot is as it was', async (t) => {
  const { layout, prepare, first, slots } = await world(t, { 'a.txt': '1' });
  value(await prepare('a', first));
  const unknown = await slots.prepare({ slot: 'a', commit: '1'.repeat(40), attempt: 'x', signal: new AbortController().signal });
  assert.equal(failure(unknown).code, 'slot_failed');
  assert.equal(read(layout.slot('a'), 'a.txt'), '1');
  assert.equal(status(layout.slot('a')), '');
});

test('an aborted preparation answers aborted, and the next one repairs', async (t) => {
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1' });
  const second = commit(app, { 'a.txt': '2' });
  value(await prepare('a', first));
  const aborted = new AbortController();
  const running = prepare('a', second, aborted.signal);
  aborted.abort();
  assert.equal(failure(await running).code, 'aborted');
  assert.equal(value(await prepare('a', second)).rescued, '');
  assert.equal(status(layout.slot('a')), '');
});

test('a slot that is discarded is empty until it is prepared again; one with edits is kept', async (t) => {
  const { layout, prepare, first, slots, repo } = await world(t, { 'a.txt': '1', '.gitignore': 'node_modules/\n' });
  assert.equal(await slots.discard('a'), false, 'nothing is known of it');
  value(await prepare('a', first));
  writeFileSync(join(layout.slot('a'), 'mine.txt'), 'edit');
  assert.equal(await slots.discard('a'), false);
  assert.equal(read(layout.slot('a'), 'mine.txt'), 'edit');
  unlinkSync(join(layout.slot('a'), 'mine.txt'));
  mkdirSync(join(layout.slot('a'), 'node_modules'));
  assert.equal(await slots.discard('a'), true);
  await slots.settled();
  assert.equal(existsSync(layout.slot('a')), false);
  assert.deepEqual(readdirSync(join(layout.run, 'trash')), []);
  assert.equal(await slots.discard('a'), false, 'it is gone already');
  const again = value(await prepare('a', first));
  assert.deepEqual([again.rescued, again.commit], ['', first]);
  assert.equal(status(layout.slot('a')), '');
  assert.deepEqual(rescues(layout.repo), []);
  assert.equal((await repo.git.run(['fsck', '--connectivity-only'])).code, 0);
});

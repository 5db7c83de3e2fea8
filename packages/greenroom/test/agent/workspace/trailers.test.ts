import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { headOf, humanCommit, lines } from '../../branches/world.ts';
import { git } from '../../git/fixture.ts';
import { NEXT, TURN, texts, type WorkspaceRig, workspaceRig } from './rig.ts';

const OURS = 'Greenroom-Conversation: c1\nGreenroom-Turn: t1';
const message = (rig: WorkspaceRig, commit = 'HEAD'): string => git(rig.workspace.path, 'log', '-1', '--format=%B', commit);

function write(rig: WorkspaceRig, name: string, text = `${name}\n`): void {
  writeFileSync(join(rig.workspace.path, name), text);
}

test('every way of committing carries the two trailers once', async (t) => {
  const rig = await workspaceRig(t);
  const prepared = await rig.prepare();
  const agent = (...args: string[]): string => rig.agent(prepared, ...args);
  const commit = (name: string, ...args: string[]): void => {
    write(rig, name);
    agent('add', '-A');
    agent('commit', '-q', ...args);
  };

  commit('one', '-m', 'One');
  assert.equal(message(rig), `One\n\n${OURS}`);
  commit('two', '--no-verify', '-m', 'Two\n\nWith a body.\n\n---\nand a line\n\nSigned-off-by: Somebody <s@example.invalid>');
  assert.match(message(rig), /^Two\n\nWith a body\.\n\n---\nand a line\n\nSigned-off-by: Somebody <s@example\.invalid>\nGreenroom-/);
  agent('commit', '-q', '--amend', '--no-edit');
  agent('commit', '-q', '--amend', '-m', `Two again\n\n${OURS}\nGreenroom-Turn: forged`);
  assert.equal(message(rig), `Two again\n\n${OURS}`);
  write(rig, 'message', 'From a file\n');
  commit('three', '-F', 'message');
  assert.match(message(rig), new RegExp(`${OURS}$`));

  commit('shown', '--verbose', '-m', 'With the diff below');
  assert.equal(message(rig), `With the diff below\n\n${OURS}`);
  prepared.environment['GIT_EDITOR'] = `sh -c 'echo "Written in an editor" > "$1.new"; cat "$1" >> "$1.new"; mv "$1.new" "$1"' sh`;
  commit('edited');
  assert.equal(message(rig), `Written in an editor\n\n${OURS}`);
  prepared.environment['GIT_EDITOR'] = 'true';

  agent('switch', '-q', '-c', 'side', rig.first);
  commit('four', '-m', 'Four');
  commit('five', '-m', 'Five');
  agent('switch', '-q', 'machine');
  agent('merge', '-q', '--no-ff', 'side');
  assert.match(message(rig), new RegExp(`^Merge branch 'side' into machine\n\n${OURS}$`));
  agent('revert', '--no-edit', 'side');
  assert.match(message(rig), new RegExp(`^Revert "Five"[\\s\\S]*${OURS}$`));
  humanCommit(rig, { 'b.txt': lines('b', { 3: 'human' }) });
  await rig.repo.fetch();
  agent('fetch', '-q', 'origin');
  agent('rebase', '-q', 'origin/main', 'side');
  for (const each of ['side', 'side~1']) assert.match(message(rig, each), new RegExp(`${OURS}$`));
  writeFileSync(join(rig.root, 'patch'), agent('format-patch', '-1', '--stdout', 'side~1'));
  agent('switch', '-q', '-c', 'patched', 'machine~3');
  agent('rm', '-q', '--ignore-unmatch', 'four');
  agent('commit', '-q', '--allow-empty', '-m', 'Without four');
  agent('am', '-q', join(rig.root, 'patch'));
  assert.equal(message(rig), `Four\n\n${OURS}`);
  agent('switch', '-q', 'machine');

  const state = await rig.workspace.state();
  assert.deepEqual(await rig.workspace.close(TURN), []);
  const [first, ...rest] = await rig.workspace.commitsSince(rig.first, 100);
  assert.deepEqual(first && { ...first, commit: '' }, { commit: '', subject: 'One', files: 1, added: 1, removed: 0 });
  assert.equal(rest.at(-1)?.commit, state.head);
  assert.deepEqual((await rig.workspace.commitsSince(rig.first, 2)).at(-1)?.commit, state.head);
  assert.deepEqual(await rig.workspace.commitsSince('0'.repeat(40), 10), []);
  assert.deepEqual(await rig.workspace.commitsSince('--all', 10), []);
});

test('another repository, and commits between turns, carry none', async (t) => {
  const rig = await workspaceRig(t);
  const prepared = await rig.prepare();
  const other = join(rig.root, 'other');
  git(rig.root, 'init', '-q', other);
  rig.agent(prepared, '-C', other, '-c', 'user.name=o', '-c', 'user.email=o@o', 'commit', '-q', '--allow-empty', '-m', 'Elsewhere');
  assert.equal(git(other, 'log', '-1', '--format=%B'), 'Elsewhere');
  await rig.workspace.close(TURN);
  rig.agent(prepared, 'commit', '-q', '--allow-empty', '-m', 'By a person');
  assert.equal(message(rig), 'By a person');
});

test('the project’s own hooks run as before, also where a tool sets the hooks path again', async (t) => {
  const rig = await workspaceRig(t);
  let prepared = await rig.prepare();
  const said = join(rig.root, 'said');
  const hook = (folder: string, name: string, script: string): void => {
    mkdirSync(join(rig.workspace.path, folder), { recursive: true });
    writeFileSync(join(rig.workspace.path, folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  hook('.git/hooks', 'pre-commit', `echo git >> ${said}`);
  rig.agent(prepared, 'commit', '-q', '--allow-empty', '-m', 'One');
  assert.equal(readFileSync(said, 'utf8'), 'git\n');

  // As husky does, in the middle of a turn: `git config core.hooksPath .husky/_`.
  hook('.husky/_', 'pre-commit', `echo husky >> ${said}`);
  hook('.husky/_', 'prepare-commit-msg', 'echo "# $2" >> "$1"; echo "Ticket: 7" >> "$1"');
  hook('.husky/_', 'commit-msg', 'grep -q forbidden "$1" && exit 1; exit 0');
  writeFileSync(join(rig.workspace.path, '.git/info/exclude'), '.husky\n');
  const husky = (): string => rig.agent(prepared, 'config', 'core.hooksPath', '.husky/_');
  for (const again of [husky, async () => (prepared = await rig.prepare()), husky]) {
    await again();
    rmSync(said, { force: true });
    rig.agent(prepared, 'commit', '-q', '--allow-empty', '-m', 'Two');
    assert.equal(readFileSync(said, 'utf8'), 'husky\n');
    assert.match(message(rig), /^Two\n[\s\S]*Ticket: 7[\s\S]*Greenroom-Conversation: c1\nGreenroom-Turn: t1$/);
    assert.throws(() => rig.agent(prepared, 'commit', '-q', '--allow-empty', '-m', 'forbidden'));
  }
  // Without our environment too, once the turn was prepared: the clone's own configuration names our hooks.
  await rig.prepare();
  git(rig.workspace.path, 'commit', '-q', '--allow-empty', '-m', 'Three');
  assert.match(message(rig), /Greenroom-Turn: t1/);
  assert.deepEqual(await rig.workspace.close(TURN), []);
});

test('a commit made by plumbing, or of an older turn, is noticed', async (t) => {
  const rig = await workspaceRig(t);
  const prepared = await rig.prepare();
  const bare = rig.agent(prepared, 'commit-tree', 'HEAD^{tree}', '-p', 'HEAD', '-m', 'By plumbing');
  rig.agent(prepared, 'update-ref', 'refs/heads/machine', bare);
  assert.match((await rig.workspace.close(TURN)).map(({ text }) => text).join(), /^One commit of this turn does not carry the trailers/);
  await rig.prepare(NEXT);
  assert.deepEqual(await rig.workspace.close(TURN), [], 'the turn is another one');
  assert.deepEqual(await rig.workspace.close(NEXT), []);
});

test('a conflict that was not resolved is reported to the orchestrator, one that was is not', async (t) => {
  const rig = await workspaceRig(t);
  const report = rig.layout.agentReport;
  await rig.prepare();
  write(rig, 'a.txt', lines('a', { 1: 'agent' }));
  rig.agent(await rig.prepare(), 'commit', '-qam', 'One');
  const human = humanCommit(rig, { 'a.txt': lines('a', { 1: 'human' }) });
  assert.ok((await rig.prepare()).firstTask);
  assert.match(
    (await rig.workspace.close(TURN)).map(({ text }) => text).join(),
    /still not merged.*"a\.txt" was not resolved\. A person is alerted/,
  );
  const { time, ...rest } = JSON.parse(readFileSync(report, 'utf8'));
  assert.deepEqual(rest, { version: 1, human_commit: human, files: ['a.txt'], ...TURN });
  assert.ok(Date.parse(time) > 0);
  rmSync(report);

  const prepared = await rig.prepare(NEXT);
  assert.throws(() => rig.agent(prepared, 'merge', human));
  git(rig.workspace.path, 'checkout', '--theirs', '.');
  rig.agent(prepared, 'commit', '-qam', 'Resolve');
  assert.deepEqual(texts(await rig.prepare(NEXT)), []);
  assert.deepEqual(await rig.workspace.close(NEXT), []);
  assert.ok(!existsSync(report));
  assert.ok(headOf(rig.workspace.path, 'machine'));
});

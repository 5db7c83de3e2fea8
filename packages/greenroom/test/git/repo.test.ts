import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRepo, RepoError } from '../../src/orchestrator/adapters/git/repo.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { commit, failure, git, openApp, source, temporaryFolder, value, world } from './fixture.ts';

const never = new AbortController().signal;

test('finds a commit by full id, by abbreviation, by branch and by tag', async (t) => {
  const { app, repo, first } = await world(t, { 'a.txt': '1' });
  git(app, 'tag', 'v1.0');
  git(app, 'tag', '-a', '-m', 'annotated', 'v1.1');
  const second = commit(app, { 'a.txt': '2' });
  for (const text of [first, first.slice(0, 8), first.toUpperCase(), 'v1.0', 'v1.1', 'refs-none']) {
    const found = await repo.resolve({ commit: text }, never);
    if (text === 'refs-none') assert.equal(failure(found).code, 'commit_not_found');
    else assert.equal(value(found).commit, first, text);
  }
  assert.deepEqual(value(await repo.resolve({ branch: 'main' }, never)), { commit: second, branch: 'main', warning: '' });
  assert.deepEqual(value(await repo.resolve({ commit: 'main' }, never)), { commit: second, branch: 'main', warning: '' });
  assert.deepEqual(await repo.branches(), { main: second });
});

test('a branch wins over a tag of its name, and a branch that looks like hex is found', async (t) => {
  const { app, repo, first } = await world(t, { 'a.txt': '1' });
  git(app, 'branch', 'beef');
  git(app, 'tag', 'main', first);
  const second = commit(app, { 'a.txt': '2' });
  assert.equal(value(await repo.resolve({ commit: 'main' }, never)).commit, second);
  assert.equal(value(await repo.resolve({ commit: 'beef' }, never)).commit, first);
});

test('what could be an option, a range or a reflog expression is not found', async (t) => {
  const { repo, root } = await world(t, { 'a.txt': '1' });
  const marker = join(root, 'ran');
  const texts = [
    '--help',
    '-x',
    `--upload-pack=touch ${marker}`,
    '^main',
    'main~0',
    'main@{0}',
    'HEAD',
    '@',
    '',
    'main..main',
    'a b',
    ':/x',
    'x.lock',
  ];
  for (const text of texts) {
    for (const request of [{ branch: text }, { commit: text }]) {
      const { code, error } = failure(await repo.resolve(request, never));
      assert.equal(code, 'commit_not_found', text);
      assert.match(error, /\.$/);
    }
  }
  assert.equal(existsSync(marker), false);
});

test('a tree or blob id is not a commit', async (t) => {
  const { app, repo } = await world(t, { 'a.txt': '1' });
  assert.equal(failure(await repo.resolve({ commit: git(app, 'rev-parse', 'HEAD^{tree}') }, never)).code, 'commit_not_found');
  assert.equal(failure(await repo.resolve({ commit: git(app, 'rev-parse', 'HEAD:a.txt') }, never)).code, 'commit_not_found');
});

test('a full id that no branch reaches is fetched by itself', async (t) => {
  const { app, repo } = await world(t, { 'a.txt': '1' });
  const lost = commit(app, { 'a.txt': 'lost' });
  git(app, 'reset', '-q', '--hard', 'HEAD~1');
  assert.equal(value(await repo.resolve({ commit: lost }, never)).commit, lost);
});

test('a remote that is away fails only what is unknown here', async (t) => {
  const { app, repo, first, layout } = await world(t, { 'a.txt': '1' });
  rmSync(app, { recursive: true });
  assert.equal(value(await repo.resolve({ commit: first }, never)).commit, first);
  const known = value(await repo.resolve({ branch: 'main' }, never));
  assert.equal(known.commit, first);
  assert.match(known.warning, /could not be reached/);
  const unknown = failure(await repo.resolve({ branch: 'other' }, never));
  assert.match(unknown.error, /could not be reached/);
  // A restart works too: the mirror has the app.
  const again = await openApp(layout, app);
  assert.equal(value(await again.resolve({ commit: first }, never)).commit, first);
});

test('a branch that is deleted there is gone here', async (t) => {
  const { app, repo } = await world(t, { 'a.txt': '1' });
  git(app, 'branch', 'short');
  value(await repo.resolve({ branch: 'short' }, never));
  git(app, 'branch', '-D', 'short');
  assert.equal(failure(await repo.resolve({ branch: 'short' }, never)).code, 'commit_not_found');
});

test("the agent's branch comes from its workspace when that has commits", async (t) => {
  const { app, repo, layout } = await world(t, { 'a.txt': '1' });
  git(app, 'branch', 'machine');
  git(layout.data, 'clone', '-q', app, layout.workspace);
  git(layout.workspace, 'checkout', '-q', 'machine');
  const agents = commit(layout.workspace, { 'a.txt': 'agent' });
  assert.equal(value(await repo.resolve({ branch: 'machine' }, never)).commit, agents);
  assert.equal((await repo.branches())['machine'], agents);
});

test("a workspace of another user is read with that user's rights, and its configuration is inert", async (t) => {
  const { app, repo, layout, root } = await world(t, { 'a.txt': '1' });
  git(layout.data, 'clone', '-q', app, layout.workspace);
  git(layout.workspace, 'checkout', '-q', '-b', 'machine');
  const agents = commit(layout.workspace, { 'a.txt': 'agent' });
  const marker = join(root, 'ran');
  for (const name of ['uploadpack.packObjectsHook', 'core.fsmonitor', 'core.sshCommand'])
    git(layout.workspace, 'config', name, `touch ${marker};`);
  execFileSync('chmod', ['755', root, layout.data]);
  execFileSync('chown', ['-R', '65534:65534', layout.workspace]);
  assert.equal(value(await repo.resolve({ branch: 'machine' }, never)).commit, agents);
  assert.equal(existsSync(marker), false);
});

test('says what is wrong with the operator’s folder', async (t) => {
  const root = temporaryFolder(t);
  const plain = join(root, 'plain');
  mkdirSync(plain);
  const empty = source(root, 'empty');
  const cases: [string, RegExp][] = [
    [join(root, 'nowhere'), /does not exist/],
    [plain, /is not a git repository: run "git init"/],
    [empty, /has no commits yet/],
    ['ext::sh -c id', /neither a folder nor a URL/],
  ];
  for (const [remote, message] of cases) {
    await assert.rejects(
      openApp(layoutOf(join(root, 'data')), remote),
      (error) => error instanceof RepoError && message.test(error.message),
      remote,
    );
  }
  // Nothing of that is in the way of the real thing.
  const first = commit(empty, { 'a.txt': '1' });
  const repo = await openApp(layoutOf(join(root, 'data')), empty);
  assert.equal(value(await repo.resolve({ branch: 'main' }, never)).commit, first);
});

test('an open after a crash: half a repository and stale locks are no obstacle', async (t) => {
  const { app, layout } = await world(t, { 'a.txt': '1' });
  mkdirSync(join(layout.data, 'repo.git.new-dead', 'objects'), { recursive: true });
  writeFileSync(join(layout.repo, 'packed-refs.lock'), '');
  writeFileSync(join(layout.repo, 'config.lock'), '');
  writeFileSync(join(layout.repo, 'refs', 'remotes', 'origin', 'main.lock'), '');
  const second = commit(app, { 'a.txt': '2' });
  const repo = await openApp(layout, app);
  assert.equal(value(await repo.resolve({ branch: 'main' }, never)).commit, second);
  assert.deepEqual(
    readdirSync(layout.data).filter((name) => name.startsWith('repo.git.')),
    [],
  );
});

test('a bare repository as the remote; live and previous are moved together and survive gc', async (t) => {
  const root = temporaryFolder(t);
  const app = source(root);
  const first = commit(app, { 'a.txt': '1' });
  const second = commit(app, { 'a.txt': '2' });
  const bare = join(root, 'bare.git');
  git(root, 'clone', '-q', '--bare', app, bare);
  const layout = layoutOf(join(root, 'data'));
  const repo = await openApp(layout, bare);
  await repo.markLive(second, first);
  await repo.markLive(second, first);
  git(bare, 'update-ref', '-d', 'refs/heads/main');
  await repo.fetch();
  git(layout.repo, '-c', 'gc.pruneExpire=now', 'gc', '-q');
  assert.equal(value(await repo.resolve({ commit: second }, never)).commit, second);
  assert.equal(git(layout.repo, 'rev-parse', 'refs/greenroom/previous'), first);
  await repo.markLive(second, '');
  assert.equal(git(layout.repo, 'for-each-ref', 'refs/greenroom/previous'), '');
});

test('an abort during the look-up is a failure with its code', async (t) => {
  const { repo } = await world(t, { 'a.txt': '1' });
  assert.equal(failure(await repo.resolve({ branch: 'main' }, AbortSignal.abort())).code, 'aborted');
});

test('the operator’s own repository of another user can be the remote', async (t) => {
  const root = temporaryFolder(t);
  const app = source(root);
  const first = commit(app, { 'a.txt': '1' });
  execFileSync('chmod', ['755', root]);
  execFileSync('chown', ['-R', '65534:65534', app]);
  chownSync(app, 65534, 65534);
  const repo = await openApp(layoutOf(join(root, 'data')), app);
  assert.equal(value(await repo.resolve({ branch: 'main' }, never)).commit, first);
});

test('a URL that carries a password is refused, without repeating it', async (t) => {
  const layout = layoutOf(temporaryFolder(t));
  const opened = openRepo({
    layout,
    remote: 'https://me:hunter2@example.org/shop.git',
    humanBranch: 'main',
    agentBranch: 'machine',
    log: () => undefined,
  });
  await assert.rejects(opened, (error: Error) => /GREENROOM_GIT_TOKEN/.test(error.message) && !error.message.includes('hunter2'));
});

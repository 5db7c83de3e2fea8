import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createBranches } from '../../src/orchestrator/adapters/git/branches.ts';
import { environmentCredentials } from '../../src/orchestrator/adapters/git/credentials.ts';
import { openRepo } from '../../src/orchestrator/adapters/git/repo.ts';
import { commit, git } from '../git/fixture.ts';
import { type GitServer, serveGit } from './http-server.ts';
import { agentCommit, headOf, humanCommit, never, promote, type Shared, shared } from './world.ts';

const LOGIN = { username: 'x-access-token', password: 'token-that-nobody-may-see' };

test('pushes the agent’s branch up to the promoted commit and no further', async (t) => {
  const world = await shared(t);
  const first = agentCommit(world, { 'c.txt': '1\n' });
  const second = agentCommit(world, { 'c.txt': '2\n' });
  git(world.layout.workspace, 'tag', 'v1');
  const report = await promote(world, first);
  assert.deepEqual([report.status, report.commit, report.branch], ['pushed', first, 'machine']);
  assert.equal(headOf(world.origin, 'machine'), first);
  assert.equal((await world.branches.pushMachine(first, never)).status, 'up_to_date');
  assert.equal((await promote(world, second)).status, 'pushed');
  // A rollback publishes nothing backwards.
  assert.equal((await promote(world, first)).status, 'up_to_date');
  assert.equal(headOf(world.origin, 'machine'), second);
  assert.deepEqual(git(world.origin, 'for-each-ref', '--format=%(refname)').split('\n'), ['refs/heads/machine', 'refs/heads/main']);
});

test('a human’s commit is no work of the agent', async (t) => {
  const world = await shared(t);
  const main = humanCommit(world, { 'd.txt': 'd\n' });
  assert.equal((await promote(world, main)).status, 'up_to_date');
  git(world.human, 'checkout', '-q', '-b', 'feature');
  const feature = commit(world.human, { 'f.txt': 'f\n' });
  git(world.human, 'push', '-q', 'origin', 'feature');
  assert.equal((await promote(world, feature)).status, 'not_on_branch');
  assert.equal(headOf(world.origin, 'machine'), '');
});

test('commits of others on the published branch are never overwritten', async (t) => {
  const world = await shared(t);
  await promote(world, agentCommit(world, { 'c.txt': '1\n' }));
  git(world.human, 'fetch', '-q');
  git(world.human, 'checkout', '-q', '-b', 'machine', 'origin/machine');
  const theirs = commit(world.human, { 'h.txt': 'h\n' });
  git(world.human, 'push', '-q', 'origin', 'machine');
  const mine = agentCommit(world, { 'c.txt': '2\n' });
  const report = await promote(world, mine);
  assert.equal(report.status, 'rejected');
  assert.match(report.detail, /Merge origin\/machine into machine and deploy again/);
  assert.equal(headOf(world.origin, 'machine'), theirs);
  // Known from now on; the agent's own history rewritten is no reason to force either.
  assert.equal((await world.branches.pushMachine(mine, never)).status, 'rejected');
  git(world.layout.workspace, 'fetch', '-q');
  git(world.layout.workspace, 'merge', '-q', '--no-edit', 'origin/machine');
  assert.equal((await promote(world, headOf(world.layout.workspace, 'HEAD'))).status, 'pushed');
});

test('a hook of the remote that declines is reported with its words, without terminal escapes', async (t) => {
  const world = await shared(t);
  const hook = join(world.origin, 'hooks', 'pre-receive');
  writeFileSync(hook, '#!/bin/sh\nprintf "no deploys \\033[31mon Fridays\\n" >&2\nexit 1\n');
  chmodSync(hook, 0o755);
  const report = await promote(world, agentCommit(world, { 'c.txt': '1\n' }));
  assert.equal(report.status, 'refused');
  assert.match(report.detail, /The remote refused machine: pre-receive hook declined\. It says: no deploys +\[31mon Fridays/);
});

test('a branch that is checked out in the operator’s folder is refused by git there, and the folder stays its owner’s', async (t) => {
  const world = await shared(t, { remote: (origin) => join(origin, '..', 'human') });
  git(world.human, 'branch', 'machine');
  execFileSync('chmod', ['755', world.root]);
  execFileSync('chown', ['-R', '65534:65534', world.human]);
  const work = agentCommit(world, { 'c.txt': '1\n' });
  assert.equal((await promote(world, work)).status, 'pushed');
  assert.equal(execFileSync('find', [world.human, '!', '-uid', '65534'], { encoding: 'utf8' }), '');
  assert.equal(statSync(join(world.human, '.git', 'refs', 'heads', 'machine')).uid, 65534);
  git(world.human, '-c', `safe.directory=${world.human}`, 'symbolic-ref', 'HEAD', 'refs/heads/machine');
  const report = await promote(world, agentCommit(world, { 'c.txt': '2\n' }));
  assert.equal(report.status, 'refused');
  assert.match(report.detail, /checked out/);
});

/** The same world, with the remote behind HTTP. */
async function overHttp(
  t: TestContext,
  options: { token?: string; timeoutMs?: number } = {},
): Promise<{ world: Shared; server: GitServer }> {
  const world = await shared(t);
  const server = await serveGit(t, world.root, LOGIN);
  git(world.origin, 'config', 'http.receivepack', 'true');
  const remote = server.url('origin.git');
  const repo = await openRepo({
    layout: world.layout,
    remote,
    humanBranch: 'main',
    agentBranch: 'machine',
    log: (message) => world.log.push(message),
    credentials: environmentCredentials(remote, { GREENROOM_GIT_TOKEN: options.token ?? LOGIN.password }),
  });
  const branches = createBranches({
    layout: world.layout,
    repo,
    contract: { human_branch: 'main', agent_branch: 'machine' },
    log: (message) => world.log.push(message),
    agentBusy: () => false,
    attemptRunning: () => false,
    networkTimeoutMs: options.timeoutMs ?? 20_000,
  });
  return { world: { ...world, repo, branches }, server };
}

test('over HTTP: fetches and pushes with the token, which is in no command line and no file', async (t) => {
  const { world, server } = await overHttp(t);
  const main = humanCommit(world, { 'd.txt': 'd\n' });
  const view = await world.branches.refresh(never);
  assert.deepEqual([view.human.commit, view.problem], [main, '']);

  // The far end holds the push open while the processes of this one are looked at.
  const hold = join(world.root, 'hold');
  const started = join(world.root, 'started');
  const hook = join(world.origin, 'hooks', 'pre-receive');
  writeFileSync(hook, `#!/bin/sh\n: > ${started}\nwhile [ -e ${hold} ]; do sleep 0.02; done\n`);
  chmodSync(hook, 0o755);
  writeFileSync(hold, '');
  const work = agentCommit(world, { 'c.txt': '1\n' });
  const pushing = promote(world, work);
  while (!existsSync(started)) await new Promise((resolve) => setTimeout(resolve, 10));
  const commands = execFileSync('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null || true'], { maxBuffer: 1e8 }).toString('latin1');
  execFileSync('rm', [hold]);
  assert.equal((await pushing).status, 'pushed');
  assert.equal(headOf(world.origin, 'machine'), work);
  assert.match(commands, /remote-http/);
  assert.equal(commands.includes(LOGIN.password), false);
  const written = execFileSync('sh', ['-c', 'grep -rl "$1" "$2" || true', 'sh', LOGIN.password, world.layout.data], { encoding: 'utf8' });
  assert.equal(written, '');
  assert.ok(server.requests.some(({ authorization }) => authorization !== ''));
  assert.equal(world.log.join('\n').includes(LOGIN.password), false);
});

test('over HTTP: others’ work, and a hook that declines', async (t) => {
  const { world } = await overHttp(t);
  git(world.human, 'checkout', '-q', '-b', 'machine');
  const theirs = commit(world.human, { 'h.txt': 'h\n' });
  git(world.human, 'push', '-q', 'origin', 'machine');
  assert.equal((await promote(world, agentCommit(world, { 'c.txt': '1\n' }))).status, 'rejected');
  assert.equal(headOf(world.origin, 'machine'), theirs);
  git(world.layout.workspace, 'pull', '-q', '--no-rebase', '--no-edit', 'origin', 'machine');
  const hook = join(world.origin, 'hooks', 'update');
  writeFileSync(hook, '#!/bin/sh\necho protected >&2\nexit 1\n');
  chmodSync(hook, 0o755);
  const report = await promote(world, headOf(world.layout.workspace, 'HEAD'));
  assert.deepEqual([report.status, /hook declined.*protected/.test(report.detail)], ['refused', true]);
});

test('over HTTP: a wrong token, a token without the right, a server that hangs or is gone', async (t) => {
  const { world, server } = await overHttp(t, { timeoutMs: 3_000 });
  const work = agentCommit(world, { 'c.txt': '1\n' });
  await world.repo.resolve({ commit: work }, never);
  server.mode = 'forbid';
  const forbidden = await world.branches.pushMachine(work, never);
  assert.deepEqual([forbidden.status, /GREENROOM_GIT_TOKEN/.test(forbidden.detail)], ['unauthorized', true]);
  server.mode = 'hang';
  const started = performance.now();
  assert.equal((await world.branches.pushMachine(work, never)).status, 'unreachable');
  assert.ok(performance.now() - started < 15_000);
  assert.match((await world.branches.refresh(never)).problem, /did not answer within 3000 ms/);
  const abort = new AbortController();
  const aborted = world.branches.pushMachine(work, abort.signal);
  abort.abort();
  assert.equal((await aborted).status, 'aborted');
  server.mode = 'serve';
  assert.equal((await world.branches.pushMachine(work, never)).status, 'pushed');
});

test('over HTTP: a redirect to another host gets no token', async (t) => {
  const { world, server } = await overHttp(t, { timeoutMs: 10_000 });
  const stranger = await serveGit(t, world.root, LOGIN);
  server.mode = 'redirect';
  server.redirectTo = stranger.url('').replace(/\/$/, '');
  const work = agentCommit(world, { 'c.txt': '1\n' });
  await world.repo.resolve({ commit: work }, never);
  assert.notEqual((await world.branches.pushMachine(work, never)).status, 'pushed');
  assert.ok(stranger.requests.length > 0);
  assert.deepEqual(
    stranger.requests.map(({ authorization }) => authorization).filter((each) => each !== ''),
    [],
  );
});

test('which token goes to which host', async () => {
  const both = { GREENROOM_GIT_TOKEN: 'own', GREENROOM_GIT_USER: 'me' };
  assert.deepEqual(await environmentCredentials('https://git.example/x.git', both)(), { username: 'me', token: 'own' });
  const github = { GITHUB_TOKEN: 'gh' };
  assert.deepEqual(await environmentCredentials('https://github.com/o/r.git', github)(), { username: 'x-access-token', token: 'gh' });
  assert.equal(await environmentCredentials('https://git.example/o/r.git', github)(), undefined);
  const enterprise = { GITHUB_TOKEN: 'gh', GITHUB_API_URL: 'https://git.example/api/v3' };
  assert.notEqual(await environmentCredentials('https://git.example/o/r.git', enterprise)(), undefined);
});

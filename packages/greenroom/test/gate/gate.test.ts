import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createGate } from '../../src/orchestrator/adapters/gate/gate.ts';
import type { Gate } from '../../src/orchestrator/ports.ts';
import { commit, contractOf, type Files, failure, git, value, world } from '../git/fixture.ts';

interface Judge {
  app: string;
  first: string;
  /** Judges a commit against the first one. */
  check: (candidate: string, live?: string) => ReturnType<Gate['check']>;
  mirror: string;
}

async function judge(t: TestContext, files: Files, contract: Record<string, unknown>): Promise<Judge> {
  const { app, first, repo, layout } = await world(t, files);
  const gate = createGate({ git: repo.git, contract: contractOf(contract) });
  const signal = new AbortController().signal;
  const check: Judge['check'] = async (candidate, live = first) => {
    await repo.fetch();
    return await gate.check({ live, candidate, branch: 'main', trigger: 'manual', signal });
  };
  return { app, first, check, mirror: layout.repo };
}

test('a change of a protected path is refused, however it is made', async (t) => {
  const files = { 'a.txt': '1', 'auth.js': 'x', 'Über/key.js': 'x', 'infra/deploy.yml': 'x', 'infrastructure.md': 'x' };
  const { app, first, check } = await judge(t, files, { protected_paths: ['auth.js', 'infra/', 'u\u0308ber/'] });
  const refused = async (path: string, change: () => string): Promise<void> => {
    const { code, evidence, error } = failure(await check(change()));
    assert.deepEqual([code, evidence?.file], ['gate_protected_path', path]);
    assert.ok(evidence?.rule?.startsWith('protected_paths: ') && evidence.remedy && error.includes(path));
    git(app, 'reset', '-q', '--hard', first);
  };
  await refused('auth.js', () => commit(app, { 'auth.js': 'y' }));
  await refused('auth.js', () => commit(app, { 'auth.js': null }));
  await refused('AUTH.js', () => commit(app, { 'AUTH.js': 'new on a case-blind disk' }));
  await refused('auth.js', () => commit(app, { 'auth.js': null, 'auth.js/x': 'a folder now' }));
  await refused('infra/new\n"name', () => commit(app, { 'infra/new\n"name': 'x' }));
  await refused('Über/key.js', () => commit(app, { 'Über/key.js': 'y' }));
  await refused('auth.js', () => {
    git(app, 'mv', 'auth.js', 'renamed.js');
    return commit(app, {});
  });
  await refused('auth.js', () => {
    chmodSync(join(app, 'auth.js'), 0o755);
    return commit(app, {});
  });
  await refused('infra', () => {
    git(app, 'rm', '-rq', 'infra');
    symlinkSync('/etc', join(app, 'infra'));
    return commit(app, {});
  });
  const fine = commit(app, { 'a.txt': '2', 'infrastructure.md': 'y', 'auth.json': 'z' });
  assert.match(value(await check(fine)).detail, /^3 files and 5 lines changed, 6 files/);
});

test('a replace ref hides nothing', async (t) => {
  const { app, first, check, mirror } = await judge(t, { 'auth.js': 'x' }, { protected_paths: ['auth.js'] });
  const changed = commit(app, { 'auth.js': 'y' });
  await check(changed);
  git(mirror, 'replace', changed, first);
  assert.equal(failure(await check(changed)).code, 'gate_protected_path');
});

test('lines are counted whatever the attributes and the names say', async (t) => {
  const { app, first, check } = await judge(t, { 'a.js': '1\n', '.gitattributes': '*.js -diff\n*.ts binary\n' }, { max_diff_lines: 100 });
  assert.equal(value(await check(commit(app, { 'a.js': '++ x\n'.repeat(90) }))).detail.startsWith('1 file and 91 lines'), true);
  git(app, 'reset', '-q', '--hard', first);
  for (const [path, content] of [
    ['a.js', '++ x\n'.repeat(200)],
    ['b.ts', 'x\n'.repeat(200)],
    ['c\tä.txt', `\0${'x\n'.repeat(200)}`],
  ] as const) {
    const { code, error, evidence } = failure(await check(commit(app, { [path]: content })));
    assert.deepEqual([code, evidence?.file], ['gate_diff_lines', path]);
    assert.match(error, /allows 100/);
    git(app, 'reset', '-q', '--hard', first);
  }
  value(await check(commit(app, { 'photo.png': `\0${'x\n'.repeat(5000)}` })));
});

test('the size is checked on the first deploy too, before the rest of an endless tree is read', async (t) => {
  const { app, first, check } = await judge(t, { 'a.txt': '1' }, { max_deploy_size_mb: 1 });
  value(await check(first, ''));
  const large = commit(app, { 'large.bin': 'x'.repeat(2_000_000) });
  for (const live of ['', first]) {
    const { code, evidence } = failure(await check(large, live));
    assert.deepEqual([code, evidence?.file], ['gate_deploy_size', 'large.bin']);
  }
  // Ten million paths in a few kilobytes: each folder names the next one ten times.
  git(app, 'reset', '-q', '--hard', first);
  const blob = git(app, 'rev-parse', 'HEAD:a.txt');
  let tree = mktree(app, `100644 blob ${blob}\t`, 10);
  for (let depth = 0; depth < 6; depth++) tree = mktree(app, `040000 tree ${tree}\t`, 10);
  const bomb = git(app, 'commit-tree', tree, '-m', 'bomb');
  git(app, 'update-ref', 'refs/heads/bomb', bomb);
  const started = performance.now();
  assert.equal(failure(await check(bomb, '')).code, 'gate_deploy_size');
  assert.ok(performance.now() - started < 30_000);
});

test('what git cannot read is refused', async (t) => {
  const { first, check } = await judge(t, { 'a.txt': '1' }, {});
  assert.equal(failure(await check('1'.repeat(40), first)).code, 'gate_deploy_size');
});

function mktree(app: string, entry: string, count: number): string {
  const lines = Array.from({ length: count }, (_, index) => `${entry}${index}`).join('\n');
  return execFileSync('git', ['mktree'], { cwd: app, input: `${lines}\n`, encoding: 'utf8' }).trim();
}

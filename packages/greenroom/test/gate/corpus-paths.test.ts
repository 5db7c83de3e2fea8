import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { leadsOutside } from '../../src/orchestrator/core/gate/links.ts';
import { nameOf } from '../../src/orchestrator/core/gate/names.ts';
import type { GateOverride } from '../../src/orchestrator/ports.ts';
import { type Gated, gated, plumb } from './rig.ts';

const LINKS: [string, Record<string, string>, string][] = [
  ['an absolute path', { link: '/etc/passwd' }, 'link'],
  ['up and out', { 'a/link': '../../etc' }, 'a/link'],
  ['out through another link', { here: '.', out: 'here/..' }, 'out'],
  ['out, although the text stays inside', { 'deep/up': '..', link: 'deep/up/..' }, 'link'],
  ['into the own git folder', { link: '.git/config' }, 'link'],
  ['a folder that is a link', { logs: '../../var/log' }, 'logs'],
];

for (const [name, links, file] of LINKS) {
  test(`a symbolic link out of the release is refused: ${name}`, async (t) => {
    const { app, commit, refused } = await gated(t, { 'a.txt': '1', 'a/b.txt': '1', 'deep/c.txt': '1' });
    for (const [path, target] of Object.entries(links)) symlinkSync(target, join(app, path));
    const { evidence } = await refused(commit({}), 'gate_protected_path');
    assert.deepEqual([evidence?.rule, evidence?.file], ['symlink_outside', file]);
  });
}

test('names that are not UTF-8 do not hide one link behind another', async (t) => {
  const { app, first, git, refused } = await gated(t, { 'a.txt': '1' });
  const [file, away, here] = ['1', '/etc/passwd', 'a.txt'].map((content) => plumb(app, content, 'hash-object', '-w', '--stdin'));
  const tree = plumb(
    app,
    Buffer.from(`100644 blob ${file}\ta.txt\x00120000 blob ${away}\tx\xfe\x00120000 blob ${here}\tx\xff\0`, 'latin1'),
    ...['mktree', '-z'],
  );
  const candidate = git('commit-tree', tree, '-p', first, '-m', 'two names');
  git('update-ref', 'refs/heads/names', candidate);
  const { error, evidence } = await refused(candidate, 'gate_protected_path');
  assert.equal(evidence?.rule, 'symlink_outside', error);
});

test('names of bytes that are not UTF-8 stay apart from each other and from those that are', () => {
  const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
  assert.equal(nameOf(latin1('Über/キー\uFFFD')), 'Über/キー\uFFFD');
  assert.equal(nameOf(`${latin1('Über')}/x\xfe`), 'Über/x\uDCFE');
  assert.equal(new Set([nameOf('x\xfe'), nameOf('x\xff'), nameOf(latin1('xþ')), nameOf(latin1('x\uFFFD'))]).size, 4);
});

test('links inside the release pass, and one that the live release has already is only named', async (t) => {
  const { app, first, commit, passes, refused } = await gated(t, { 'a.txt': '1', 'a/b.txt': '1' });
  symlinkSync('../a.txt', join(app, 'a/link'));
  symlinkSync('a', join(app, 'folder'));
  symlinkSync('loop', join(app, 'loop'));
  symlinkSync('missing/x', join(app, 'dangling'));
  await passes(commit({}));
  symlinkSync('/etc', join(app, 'etc'));
  const live = commit({});
  await refused(live, 'gate_protected_path');
  await refused(live, 'gate_protected_path', { live: '' });
  assert.match(await passes(commit({ 'a.txt': '2' }), { live }), /1 symbolic links out of the release/);
  await passes(first, { live });
});

test('where links lead', () => {
  const links = new Map([
    ['up', 'a/..'],
    ['a/top', '../..'],
    ['x', 'y/z'],
    ['y', 'a/top'],
    ['one', 'two'],
    ['two', 'one'],
  ]);
  assert.equal(leadsOutside('up', links), '');
  assert.equal(leadsOutside('a/top', links), 'a folder above the release');
  assert.equal(leadsOutside('x', links), 'a folder above the release');
  assert.equal(leadsOutside('one', links), '');
});

test('submodules are named, and an agent cannot add one', async (t) => {
  const { first, git, passes, refused } = await gated(t, { 'a.txt': '1' });
  git('update-index', '--add', '--cacheinfo', `160000,${first},vendor/lib`);
  git('commit', '-qm', 'submodule');
  const candidate = git('rev-parse', 'HEAD');
  assert.match(await passes(candidate), /submodules stay empty folders: vendor\/lib/);
  const { evidence } = await refused(candidate, 'gate_protected_path', { trigger: 'agent' });
  assert.deepEqual([evidence?.rule, evidence?.file], ['submodule', 'vendor/lib']);
});

test("a nested .git folder never reaches a slot: git's own check refuses it, and so does the gate", async (t) => {
  const { app, mirror, git, first, check } = await gated(t, { 'a.txt': '1' });
  const blob = git('rev-parse', 'HEAD:a.txt');
  for (const [at, name] of ['.git', '.GIT', 'GIT~1'].entries()) {
    const inner = plumb(app, `100644 blob ${blob}\tconfig\n`, 'mktree');
    const tree = hashTree(app, [[name, inner]]);
    const bad = plumb(app, '', 'commit-tree', tree, '-p', first, '-m', 'x');
    plumb(app, '', 'update-ref', `refs/heads/bad${at}`, bad);
    await assert.rejects(async () => await check(bad));
    plumb(app, '', 'update-ref', '-d', `refs/heads/bad${at}`);
    // Past git's check, as an old repository might hold it.
    plumb(mirror, '', 'fetch', '-q', '--no-tags', app, bad);
    const result = await check(bad);
    assert.ok(!result.ok && result.failure.evidence?.rule === 'nested_git', JSON.stringify(result));
  }
});

test('protected paths hold for every form of the name', async (t) => {
  const it = await gated(t, { 'a.txt': '1', 'Straße/é.env': 'x' }, { protected_paths: ['.env', 'orchestrator/', 'Straße/é.env'] });
  const names = ['.env', '.ENV', 'Orchestrator/x', 'ORCHESTRATOR', 'orchestrator/a\n"b\t.js', 'straße/e\u0301.ENV'];
  for (const name of names) {
    const { evidence } = await it.refused(it.commit({ [name]: 'y' }), 'gate_protected_path');
    assert.equal(evidence?.file, name);
    it.reset();
  }
  await it.passes(it.commit({ '.envrc': 'y', 'orchestrators/x': 'y', 'a/.env': 'y' }));
});

test('a link in place of a folder does not bring a protected path in by another name', async (t) => {
  const { app, commit, refused, reset, passes } = await gated(t, { 'a.txt': '1' }, { protected_paths: ['config/prod/keys.json'] });
  for (const [link, target] of [
    ['config', 'other'],
    ['Config', 'other'],
    ['config/prod', '../other/prod'],
  ] as const) {
    const candidate = commit({ 'other/prod/keys.json': '{}', ...(link === 'config/prod' ? { 'config/x.txt': '1' } : {}) });
    await passes(candidate);
    symlinkSync(target, join(app, link));
    const { evidence } = await refused(commit({}), 'gate_protected_path');
    assert.deepEqual([evidence?.rule, evidence?.file], ['protected_paths: config/prod/keys.json', link]);
    reset();
  }
});

test("an agent's commits are judged one by one: what a later one takes back would be pushed", async (t) => {
  const it = await gated(t, { 'a.txt': '1', '.env': 'x' }, { protected_paths: ['.env'] });
  it.git('checkout', '-q', '-b', 'machine');
  const bad = it.commit({ '.env': 'y' });
  const back = it.commit({ '.env': 'x' });
  await it.passes(it.first, { trigger: 'agent' });
  const { evidence } = await it.refused(back, 'gate_protected_path', { trigger: 'agent' });
  assert.deepEqual([evidence?.file, evidence?.commit], ['.env', bad]);
  // The same by a human, merged by the agent.
  it.git('checkout', '-q', 'main');
  it.git('merge', '-q', '--ff-only', 'machine');
  await it.passes(it.commit({ 'b.txt': '1' }), { trigger: 'agent' });
});

test('what commits add counts, also when a later one takes it out', async (t) => {
  const it = await gated(t, { 'a.txt': '1' }, { max_deploy_size_mb: 1 });
  const large = it.commit({ 'large.bin': 'x'.repeat(2_000_000) });
  const { evidence } = await it.refused(it.commit({ 'large.bin': null }), 'gate_deploy_size');
  assert.deepEqual([evidence?.file, evidence?.commit], ['large.bin', large]);
});

test('an override of the size leaves every other rule in force', async (t) => {
  const it = await gated(t, { 'a.txt': '1' }, { max_deploy_size_mb: 1 });
  const large = it.commit({ 'large.bin': 'x'.repeat(2_000_000) });
  const override = (commit: string): { overrides: GateOverride[] } => ({ overrides: [{ commit, code: 'gate_deploy_size' }] });
  assert.match(await it.passes(large, override(large)), /gate_deploy_size overridden by the operator/);
  symlinkSync('/etc', join(it.app, 'etc'));
  const link = it.commit({});
  await it.refused(link, 'gate_protected_path', override(link));
});

test('code that is named like a picture has lines', async (t) => {
  const { commit, passes, refused, reset } = await gated(t, { 'a.txt': '1' }, { max_diff_lines: 100 });
  const { evidence } = await refused(commit({ 'a.png': 'x()\n'.repeat(200) }), 'gate_diff_lines');
  assert.equal(evidence?.file, 'a.png');
  reset();
  await passes(commit({ 'a.png': `\x89PNG\0${'x\n'.repeat(200)}` }));
});

test('a rename counts its lines, and a huge change is counted in time', async (t) => {
  const lines = Array.from({ length: 150 }, (_, index) => `line ${index}\n`).join('');
  const it = await gated(t, { 'a.txt': lines }, { max_diff_lines: 200 });
  it.git('mv', 'a.txt', 'b.txt');
  await it.refused(it.commit({}), 'gate_diff_lines');
  it.reset();
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`d/${index}.txt`, 'x\n'.repeat(1_000)]));
  await it.refused(it.commit(files), 'gate_diff_lines');
});

test('a tree of ten million paths in a commit on the way is refused before it is read to its end', async (t) => {
  const it = await gated(t, { 'a.txt': '1' });
  const blob = it.git('rev-parse', 'HEAD:a.txt');
  let tree = branching(it, `100644 blob ${blob}\t`);
  for (let depth = 0; depth < 6; depth++) tree = branching(it, `040000 tree ${tree}\t`);
  const bomb = it.git('commit-tree', tree, '-p', it.first, '-m', 'bomb');
  const tip = it.git('commit-tree', `${it.first}^{tree}`, '-p', bomb, '-m', 'gone again');
  it.git('update-ref', 'refs/heads/bomb', tip);
  const started = performance.now();
  await it.refused(tip, 'gate_diff_lines');
  assert.ok(performance.now() - started < 60_000);
});

function branching({ app }: Gated, entry: string): string {
  return plumb(app, Array.from({ length: 10 }, (_, index) => `${entry}${index}\n`).join(''), 'mktree');
}

/** A tree object that `mktree` would refuse. */
function hashTree(app: string, folders: [string, string][]): string {
  const entries = folders.map(([name, id]) => Buffer.concat([Buffer.from(`40000 ${name}\0`), Buffer.from(id, 'hex')]));
  return plumb(app, Buffer.concat(entries), 'hash-object', '-t', 'tree', '--literally', '-w', '--stdin');
}

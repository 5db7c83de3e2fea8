import assert from 'node:assert/strict';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Failure } from '@greenroom/sdk/wire';
import { makeTokens } from '../../../../bench/gate/tokens.ts';
import type { Files } from '../git/fixture.ts';
import { type Gated, gated, plumb, secret } from './rig.ts';

const TOKEN = secret();
const LINE = `const t = '${TOKEN}';\n`;

/** The refusal names place and rule, and shows no more of the secret than its beginning. */
function named(refusal: Failure, file: string, line?: number): void {
  assert.deepEqual([refusal.evidence?.file, refusal.evidence?.line], [file, line]);
  assert.match(refusal.evidence?.fingerprint ?? '', /^[0-9a-f]{16}$/);
  const text = JSON.stringify(refusal);
  for (const part of [TOKEN, TOKEN.slice(0, 8), TOKEN.slice(-8)]) assert.ok(!text.includes(part), `shows ${part}`);
}

test('every kind of credential is found, in one commit each', async (t) => {
  const { commit, refused } = await gated(t, { 'a.txt': '1\n' });
  const tokens = makeTokens(11);
  const files: Files = Object.fromEntries(tokens.map(({ text }, index) => [`f${index}.txt`, `first line\n${text}\n`]));
  const refusal = await refused(commit(files), 'gate_secret');
  const places = Number(/ (\d+) more:/.exec(refusal.error)?.[1]) + 1;
  assert.ok(places >= tokens.length, `${places} of ${tokens.length}`);
});

const SHAPES: [string, Files, string, number | undefined][] = [
  ['a plain line', { 'src/a.js': `one\n${LINE}` }, 'src/a.js', 2],
  ['a line like a diff header', { 'a.js': `+++ b/x\n${LINE}` }, 'a.js', 2],
  ['a line that begins with signs', { 'a.js': `x\n++ ${LINE}` }, 'a.js', 2],
  ['a line that begins with dashes', { 'a.js': `x\n-- ${LINE}` }, 'a.js', 2],
  ['attributes without a diff', { '.gitattributes': '* -diff\n', 'a.js': LINE }, 'a.js', 1],
  ['attributes that say binary', { '.gitattributes': '* binary\n', 'a.js': LINE }, 'a.js', 1],
  ['attributes with filter and textconv', { '.gitattributes': '* filter=x diff=y -text\n', 'a.js': LINE }, 'a.js', 1],
  ['attributes with another encoding', { '.gitattributes': '*.js text working-tree-encoding=UTF-8\n', 'a.js': LINE }, 'a.js', 1],
  ['a disabling comment', { 'a.js': `// secretlint-disable\n/* secretlint-disable-line */ ${LINE}` }, 'a.js', 2],
  ['a NUL in front', { 'a.bin': `\0\0\0${LINE}` }, 'a.bin', 1],
  ['a name with a line end', { 'a\nb.js': LINE }, 'a\nb.js', 1],
  ['a name with quotes and tabs', { 'a"\t\'b.js': LINE }, 'a"\t\'b.js', 1],
  ['a name that is not ASCII', { 'Ünï/キー.js': LINE }, 'Ünï/キー.js', 1],
  ['a name like an option', { '--cached': LINE }, '--cached', 1],
  ['a picture', { 'a.png': LINE }, 'a.png', 1],
  ['a lock file', { 'package-lock.json': `{"x": "${TOKEN}"}` }, 'package-lock.json', 1],
  ['a huge line', { 'a.js': `${'x '.repeat(3_000_000)}'${TOKEN}'${' y'.repeat(1_000_000)}` }, 'a.js', 1],
  ['a huge file, where two windows meet', { 'a.js': `${'x\n'.repeat(2_097_145)}${LINE}${'x\n'.repeat(100_000)}` }, 'a.js', 2_097_146],
  ['an escaped line end in front', { 'a.json': `{"env": "A=1\\n${TOKEN}\\n"}\n` }, 'a.json', 1],
  ['a percent escape in front', { 'a.js': `x\nfetch('/?t%3D${TOKEN}')\n` }, 'a.js', 2],
  ['a character escape in front', { 'a.js': `'\\u003d${TOKEN}'\n` }, 'a.js', 1],
  ['carriage returns', { 'a.js': `x\r\n${LINE.trim()}\r\n` }, 'a.js', 2],
];

for (const [name, files, file, line] of SHAPES) {
  test(`a secret is found: ${name}`, async (t) => {
    const { commit, refused } = await gated(t, { 'a.txt': '1\n' }, { max_diff_lines: 10_000_000 });
    named(await refused(commit(files), 'gate_secret'), file, line);
  });
}

test('a secret is found in UTF-16 and UTF-32 of both byte orders', async (t) => {
  const { app, commit, refused, reset } = await gated(t, { 'a.txt': '1\n' });
  const little = Buffer.from(`\uFEFFx\n${LINE}`, 'utf16le');
  const big = Buffer.from(little).swap16();
  const wide = Buffer.concat([...`x\n${LINE}`].map((character) => Buffer.from([character.charCodeAt(0), 0, 0, 0])));
  const wideBig = Buffer.from(wide).swap32();
  for (const bytes of [little, big, wide, wideBig]) {
    writeFileSync(join(app, 'wide.txt'), bytes);
    named(await refused(commit({}), 'gate_secret'), 'wide.txt', 2);
    reset();
  }
});

const ways: [string, (it: Gated) => string, string, number | undefined][] = [
  [
    'added and removed again',
    ({ commit }) => {
      commit({ 'a.js': LINE });
      return commit({ 'a.js': null });
    },
    'a.js',
    1,
  ],
  ['in a commit message', ({ commit }) => commit({ 'b.txt': '2\n' }, `subject\n\nuse ${TOKEN}`), 'the commit message', 3],
  [
    'in the message of an empty commit',
    ({ commit }) => {
      commit({}, `use ${TOKEN}`);
      return commit({ 'b.txt': '2\n' });
    },
    'the commit message',
    1,
  ],
  [
    'as the target of a symbolic link',
    ({ app, commit }) => {
      symlinkSync(`x-${TOKEN}`, join(app, 'link'));
      return commit({});
    },
    'link',
    1,
  ],
  [
    "in a merge's own resolution, gone in the next commit",
    ({ git, commit, first }) => {
      git('checkout', '-q', '-b', 'side', first);
      commit({ 'side.txt': 's' });
      git('checkout', '-q', 'main');
      commit({ 'b.txt': '2\n' });
      git('merge', '-q', '--no-ff', '--no-commit', 'side');
      commit({ 'a.js': LINE }, 'merge');
      return commit({ 'a.js': null });
    },
    'a.js',
    1,
  ],
  [
    'on a merged branch, dropped by the merge',
    ({ git, commit, first }) => {
      git('checkout', '-q', '-b', 'side', first);
      commit({ 'a.js': LINE });
      git('checkout', '-q', 'main');
      commit({ 'b.txt': '2\n' });
      git('merge', '-q', '-s', 'ours', 'side', '-m', 'merge');
      return git('rev-parse', 'HEAD');
    },
    'a.js',
    1,
  ],
  [
    'in a file that is moved and gets one more line',
    ({ git, commit }) => {
      git('mv', 'a.txt', 'moved.txt');
      return commit({ 'moved.txt': `1\n${LINE}` });
    },
    'moved.txt',
    2,
  ],
];

for (const [name, make, file, line] of ways) {
  test(`a secret is found: ${name}`, async (t) => {
    const it = await gated(t, { 'a.txt': '1\n' });
    named(await it.refused(make(it), 'gate_secret'), file, line);
  });
}

test('a secret is found in the name of a file, which the refusal hides', async (t) => {
  const { commit, refused } = await gated(t, { 'a.txt': '1\n' });
  const refusal = await refused(commit({ 'b.txt': 'x', [`keys/${TOKEN}.pem`]: LINE }), 'gate_secret');
  named(refusal, `keys/${TOKEN.slice(0, 4)}… (40 characters).pem`);
});

test('on the first deploy the whole tree is searched', async (t) => {
  const { first, refused, passes, commit } = await gated(t, { 'config/a.js': LINE });
  named(await refused(first, 'gate_secret', { live: '' }), 'config/a.js', 1);
  await passes(commit({ 'config/a.js': 'clean' }), { live: '' });
});

test('with a remote by URL, what the remote has is named on the first deploy and not refused; what it lacks is refused', async (t) => {
  const it = await gated(t, { 'a.js': LINE });
  it.git('config', '--file', join(it.mirror, 'config'), 'remote.origin.url', 'https://git.invalid/app.git');
  const more = { live: '' };
  assert.match(await it.passes(it.first, more), /1 possible secrets that the remote has already .*a\.js, line 1/);
  // Known to the mirror, on no branch of the remote.
  const other = secret('GitLab');
  it.git('checkout', '-q', '-b', 'unpushed');
  it.commit({ 'b.js': `'${other}'\n` });
  const gone = it.commit({ 'b.js': null });
  await it.fetch();
  plumb(it.mirror, '', 'update-ref', '-d', 'refs/remotes/origin/unpushed');
  it.git('checkout', '-q', 'main');
  it.git('branch', '-q', '-D', 'unpushed');
  const refusal = await it.refused(gone, 'gate_secret', more);
  assert.deepEqual([refusal.evidence?.file, refusal.evidence?.commit], ['b.js', plumb(it.mirror, '', 'rev-parse', `${gone}^`)]);
});

test('what was there before is no finding: other lines change, the mode changes, the file moves', async (t) => {
  const { app, git, commit, passes, refused } = await gated(t, { 'a.js': LINE });
  await passes(commit({ 'a.js': `// more\n${LINE}` }));
  chmodSync(join(app, 'a.js'), 0o755);
  await passes(commit({}));
  git('mv', 'a.js', 'b.js');
  await passes(commit({}));
  await refused(commit({ 'b.js': `${LINE}'${secret('GitLab')}'\n` }), 'gate_secret');
});

test('grafts and replace refs hide no commit', async (t) => {
  const { commit, first, mirror, git, refused, fetch } = await gated(t, { 'a.txt': '1\n' });
  const bad = commit({ 'a.js': LINE });
  const tip = commit({ 'a.js': null });
  await fetch();
  plumb(mirror, '', 'replace', tip, first);
  writeFileSync(join(mirror, 'info', 'grafts'), `${tip} ${first}\n`);
  git('replace', bad, first);
  await refused(tip, 'gate_secret');
});

test('the operator allows findings by fingerprint and by place, and overrides them for one commit', async (t) => {
  const one = await gated(t, { 'a.txt': '1\n' });
  const candidate = one.commit({ 'test/keys/a.js': LINE });
  const { evidence } = await one.refused(candidate, 'gate_secret');
  const fingerprint = evidence?.fingerprint ?? '';
  assert.match(
    await one.passes(candidate, { overrides: [{ commit: candidate, code: 'gate_secret', fingerprint }] }),
    /1 findings overridden by the operator/,
  );
  assert.match(await one.passes(candidate, { overrides: [{ commit: candidate, code: 'gate_secret' }] }), /gate_secret overridden/);
  await one.refused(candidate, 'gate_secret', { overrides: [{ commit: one.first, code: 'gate_secret' }] });
  await one.refused(candidate, 'gate_secret', { overrides: [{ commit: candidate, code: 'gate_deploy_size' }] });
  for (const allowed of [{ fingerprint }, { path: 'test/keys/' }, { path: 'test/keys/a.js' }]) {
    const it = await gated(t, { 'a.txt': '1\n' }, { secret_allow: [{ ...allowed, reason: 'made up' }] });
    assert.match(await it.passes(it.commit({ 'test/keys/a.js': LINE })), /1 findings allowed/);
    await it.refused(it.commit({ 'src/b.js': `'${secret('GitLab')}'` }), 'gate_secret');
  }
});

test("the operator's own patterns count, and one that runs away refuses instead of hanging", async (t) => {
  const own = await gated(t, { 'a.txt': '1\n' }, { secret_patterns: [{ name: 'acme', pattern: 'acme_([a-z]{8})' }] });
  const { evidence } = await own.refused(own.commit({ 'a.js': 'x = acme_zyxwvuts\n' }), 'gate_secret');
  assert.equal(evidence?.rule, 'acme');
  const runaway = await gated(t, { 'a.txt': '1\n' }, { secret_patterns: [{ name: 'bad', pattern: '(x+x+)+y' }] }, 500);
  const { error } = await runaway.refused(runaway.commit({ 'a.js': 'x'.repeat(5_000) }), 'gate_secret');
  assert.match(error, /did not come to its end/);
});

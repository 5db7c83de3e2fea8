import assert from 'node:assert/strict';
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commit, git, world } from './fixture.ts';

const never = new AbortController().signal;

test('each file has its own hunks, whatever it is called and whatever it holds', async (t) => {
  const { app, repo, first } = await world(t, {
    'kept.txt': 'same\n',
    'a b.txt': 'one\ntwo\n',
    'mode.sh': 'true\n',
    gone: 'bye\n',
    turns: 'a file\n',
    'bin.dat': 'a\0b',
    '.gitattributes': '*.txt -diff\n',
  });
  chmodSync(join(app, 'mode.sh'), 0o755);
  commit(app, { turns: null, gone: null });
  symlinkSync('elsewhere', join(app, 'turns'));
  const second = commit(app, {
    'a b.txt': 'one\ndiff --git a/x b/x\n@@ -1 +1 @@\n',
    'bin.dat': 'a\0c',
    'new\n"é".txt': 'no end of line',
    ':raw': '1\n',
  });
  await repo.resolve({ commit: second }, never);

  const found = await repo.diff(first, second);
  assert.ok(found.ok);
  assert.equal(found.more, 0);
  const files = Object.fromEntries(found.files.map(({ path, ...file }) => [path, file]));
  assert.deepEqual(Object.keys(files).sort(), [':raw', 'a b.txt', 'bin.dat', 'gone', 'mode.sh', 'new\n"é".txt', 'turns']);
  assert.deepEqual(files['a b.txt'], {
    change: 'changed',
    added: 2,
    removed: 1,
    diff: '@@ -1,2 +1,3 @@\n one\n-two\n+diff --git a/x b/x\n+@@ -1 +1 @@',
  });
  assert.deepEqual(files['mode.sh'], { change: 'changed', added: 0, removed: 0, diff: '' });
  assert.equal(files['bin.dat']?.diff, '');
  assert.deepEqual([files['gone']?.change, files['gone']?.diff], ['removed', '@@ -1 +0,0 @@\n-bye']);
  assert.match(files['turns']?.diff ?? '', /-a file\n@@ .*\n\+elsewhere/);
  assert.match(files['new\n"é".txt']?.diff ?? '', /^@@ -0,0 \+1 @@\n\+no end of line\n\\ No newline/);

  const whole = await repo.diff('', first);
  assert.ok(whole.ok);
  assert.deepEqual([whole.files.length, whole.files.every((file) => file.change === 'added')], [7, true]);
});

test('what is long is cut and says so; what is not here is a sentence', async (t) => {
  const { app, repo, first } = await world(t, { 'a.txt': '1\n' });
  const long = `${'0123456789'.repeat(10)}\n`.repeat(4_000);
  const many = Object.fromEntries(Array.from({ length: 310 }, (_, index) => [`f/${String(index).padStart(3, '0')}`, 'x\n']));
  const second = commit(app, { 'b-long.txt': long, 'c-long.txt': long, ...many });
  await repo.resolve({ commit: second }, never);
  const found = await repo.diff(first, second);
  assert.ok(found.ok);
  assert.deepEqual([found.files.length, found.more], [300, 12]);
  const [whole, cut, none] = found.files;
  assert.deepEqual([whole?.path, whole?.cut, whole?.added], ['b-long.txt', undefined, 4_000]);
  assert.deepEqual([cut?.path, cut?.cut, cut?.added], ['c-long.txt', true, 4_000]);
  assert.ok((cut?.diff.length ?? 0) > 1_000);
  assert.deepEqual([none?.cut, none?.diff, none?.added], [true, '', 1]);
  for (const id of ['f'.repeat(40), '--help', git(app, 'rev-parse', `${first}^{tree}`)]) {
    const absent = await repo.diff(id, second);
    assert.match(absent.ok ? '' : absent.error, /is not in the repository any more/);
  }
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { ownFolder } from '../../src/compile-cache.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

test('the command keeps compiled code in a folder of the user alone, and not in a place that others get to first', async (t) => {
  const home = await scratch(t);
  const temporary = join(home, 'tmp');
  await mkdir(temporary);
  await promisify(execFile)(process.execPath, [MAIN, '--version'], { env: { HOME: home, TMPDIR: temporary } });
  const cache = join(home, '.cache', 'greenroom', 'compile-cache');
  assert.notEqual((await readdir(cache)).length, 0);
  assert.equal((await lstat(cache)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(temporary), []);
});

test('a folder that others could write or replace is not used', async (t) => {
  const home = await scratch(t);
  const folder = join(home, 'cache', 'compiled');
  assert.equal(ownFolder(folder), folder);
  for (const [path, mode] of [
    [folder, 0o770],
    [folder, 0o1777],
    [join(home, 'cache'), 0o702],
  ] as const) {
    await chmod(path, mode);
    assert.equal(ownFolder(folder), undefined, `${path} with mode ${mode.toString(8)}`);
    await chmod(path, 0o700);
  }
  await mkdir(join(home, 'open'));
  await chmod(join(home, 'open'), 0o777);
  assert.equal(ownFolder(join(home, 'open', 'new')), undefined);
  assert.deepEqual(await readdir(join(home, 'open')), [], 'nothing is left there');
});

test('a folder of another user is not used, nor a link to it', {
  skip: process.getuid?.() !== 0 && 'needs root to have a folder of another user',
}, async (t) => {
  const home = await scratch(t);
  const theirs = join(home, 'theirs');
  await mkdir(theirs, { mode: 0o700 });
  await chown(theirs, 65_534, 65_534);
  await symlink(theirs, join(home, 'link'));
  assert.equal(ownFolder(theirs), undefined);
  assert.equal(ownFolder(join(home, 'link')), undefined);
  assert.equal(ownFolder(join(home, 'link', 'below')), undefined);
  assert.deepEqual(await readdir(theirs), []);
});

async function scratch(t: TestContext): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'greenroom-cache-')));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

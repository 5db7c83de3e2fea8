import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseSharedPaths } from '../../src/orchestrator/adapters/slots/shared.ts';
import { commit, failure, git, temporaryFolder, value, world } from '../git/fixture.ts';

const status = (slot: string): string => git(slot, 'status', '--porcelain', '--untracked-files=all');

test('shared paths are links to one store in both slots, before the app has written anything', async (t) => {
  const shared_paths = ['data/', 'db/app.sqlite', 'uploads', 'data/inner'];
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1' }, { shared_paths });
  value(await prepare('a', first));
  value(await prepare('b', first));
  for (const slot of [layout.slot('a'), layout.slot('b')]) {
    assert.equal(readlinkSync(join(slot, 'data')), join(layout.shared, 'data'));
    assert.equal(status(slot), '');
  }
  writeFileSync(join(layout.slot('a'), 'data/x'), 'x');
  writeFileSync(join(layout.slot('a'), 'db/app.sqlite'), 'rows');
  writeFileSync(join(layout.slot('a'), 'uploads/u'), 'u');
  for (const path of ['data/x', 'db/app.sqlite', 'uploads/u']) {
    assert.equal(readFileSync(join(layout.slot('b'), path), 'utf8'), readFileSync(join(layout.shared, path), 'utf8'));
  }
  const next = value(await prepare('a', commit(app, { 'a.txt': '2', '.gitignore': '!data\n!uploads\n' })));
  assert.equal(next.rescued, '');
  assert.equal(lstatSync(join(layout.slot('a'), 'uploads')).isSymbolicLink(), true);
  assert.equal(readFileSync(join(layout.shared, 'data/x'), 'utf8'), 'x');
});

test('a commit that tracks a shared path is refused before anything changes', async (t) => {
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1' }, { shared_paths: ['data/'] });
  value(await prepare('a', first));
  const { code, error, evidence } = failure(await prepare('a', commit(app, { 'a.txt': '2', 'data/seed': 's' })));
  assert.equal(code, 'slot_failed');
  assert.match(error, /tracks "data"/);
  assert.match(evidence?.remedy ?? '', /git rm -r --cached/);
  assert.equal(readFileSync(join(layout.slot('a'), 'a.txt'), 'utf8'), '1');
});

test('a link on the way to a shared path is never followed, neither the commit’s nor the app’s', async (t) => {
  const outside = temporaryFolder(t);
  const { app, layout, prepare, first } = await world(t, { 'a.txt': '1', '.gitignore': 'data\n' }, { shared_paths: ['data/deep/db/'] });
  value(await prepare('a', first));
  symlinkSync(outside, join(app, 'data'));
  git(app, 'add', '-f', 'data');
  const hostile = failure(await prepare('a', commit(app, { 'a.txt': '2' })));
  assert.equal(hostile.code, 'slot_failed');
  assert.match(hostile.error, /not a folder in the commit/);
  // The same made by the app, ignored by git.
  const {
    layout: other,
    prepare: prepareOther,
    first: start,
  } = await world(t, { '.gitignore': 'data\n' }, { shared_paths: ['data/deep/db/'] });
  mkdirSync(other.slot('a'));
  symlinkSync(outside, join(other.slot('a'), 'data'));
  assert.match(failure(await prepareOther('a', start)).error, /not a real folder/);
  assert.deepEqual(readdirSync(outside), []);
  assert.equal(existsSync(join(layout.slot('a'), 'data/deep/db')), true);
});

test('paths that lead out of the slot are refused', async () => {
  for (const path of ['../x', '/etc', 'a/../../b', '.', './', '.git/x', '.GIT', 'a\nb', '']) {
    assert.equal(typeof parseSharedPaths([path]), 'string', JSON.stringify(path));
  }
  assert.deepEqual(parseSharedPaths(['./a//b/', 'a/b/c', 'x.db']), [
    { path: 'a/b', directory: true },
    { path: 'x.db', directory: false },
  ]);
});

test('data that was there before the path was shared is moved aside, not lost', async (t) => {
  const { layout, prepare, first } = await world(t, { 'a.txt': '1', '.gitignore': '/data/\n' }, { shared_paths: ['data/'] });
  mkdirSync(join(layout.slot('a'), 'data'), { recursive: true });
  writeFileSync(join(layout.slot('a'), 'data/old'), 'old');
  value(await prepare('a', first));
  assert.equal(lstatSync(join(layout.slot('a'), 'data')).isSymbolicLink(), true);
  const kept = readdirSync(join(layout.data, 'rescue'), { recursive: true }).map(String);
  assert.ok(kept.some((path) => path.endsWith('data/old')));
});

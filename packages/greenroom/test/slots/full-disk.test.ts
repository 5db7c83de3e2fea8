import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSlots } from '../../src/orchestrator/adapters/slots/slots.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { commit, contractOf, failure, git, openApp, source, temporaryFolder, value } from '../git/fixture.ts';

test('a full disk is a failure with a sentence, the other slot stays, and with space again all is well', async (t) => {
  const mounted: string[] = [];
  // Before the folder's own clean-up: hooks run in the order of their registration.
  t.after(() => {
    for (const place of mounted) execFileSync('umount', ['-l', place]);
  });
  const root = temporaryFolder(t);
  const data = join(root, 'data');
  mkdirSync(data);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', data]);
  mounted.push(data);
  const app = source(root);
  const first = commit(app, { 'a.txt': '1' });
  // Compresses to nothing in the repository, and takes its size in a slot.
  const second = commit(app, { 'a.txt': '2', 'large.txt': 'x'.repeat(1_500_000), 'larger.txt': 'y'.repeat(1_500_000) });
  const layout = layoutOf(data);
  const repo = await openApp(layout, app);
  const slots = await createSlots({ layout, git: repo.git, contract: contractOf(), log: () => undefined });
  const prepare = (slot: 'a' | 'b', id: string): ReturnType<typeof slots.prepare> =>
    slots.prepare({ slot, commit: id, attempt: 'x', signal: new AbortController().signal });
  value(await prepare('a', first));
  value(await prepare('b', first));
  const { bavail, bsize } = statfsSync(data);
  const ballast = join(data, 'ballast');
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 1_000_000)));
  const { code, error, evidence } = failure(await prepare('b', second));
  assert.equal(code, 'slot_failed');
  assert.match(error, /disk is full/);
  assert.match(evidence?.remedy ?? '', /[Ff]ree some space/);
  assert.equal(git(layout.slot('a'), 'status', '--porcelain'), '');
  // Not a byte left: not even the record can be written.
  rmSync(ballast);
  const left = statfsSync(data);
  writeFileSync(ballast, Buffer.alloc(left.bavail * left.bsize));
  assert.match(failure(await prepare('a', second)).error, /disk is full/);
  rmSync(ballast);
  value(await prepare('b', second));
  assert.equal(git(layout.slot('b'), 'status', '--porcelain'), '');
  assert.equal(git(layout.repo, 'for-each-ref', 'refs/greenroom/rescue'), '');
  await slots.settled();
});

test('a folder that may not be written is a failure with a sentence', async (t) => {
  const mounted: string[] = [];
  // Before the folder's own clean-up: hooks run in the order of their registration.
  t.after(() => {
    for (const place of mounted) execFileSync('umount', ['-l', place]);
  });
  const root = temporaryFolder(t);
  const app = source(root);
  const first = commit(app, { 'a.txt': '1' });
  const layout = layoutOf(join(root, 'data'));
  const repo = await openApp(layout, app);
  const slots = await createSlots({ layout, git: repo.git, contract: contractOf(), log: () => undefined });
  const request = { slot: 'a', commit: first, attempt: 'x', signal: new AbortController().signal } as const;
  value(await slots.prepare(request));
  // Root may write anywhere, but not on a read-only mount.
  execFileSync('mount', ['--bind', layout.slot('a'), layout.slot('a')]);
  mounted.push(layout.slot('a'));
  execFileSync('mount', ['-o', 'remount,ro,bind', layout.slot('a')]);
  const second = commit(app, { 'a.txt': '2' });
  await repo.fetch();
  const refused = failure(await slots.prepare({ ...request, commit: second }));
  assert.equal(refused.code, 'slot_failed');
  assert.match(refused.error, /read-only/);
  assert.equal(readFileSync(join(layout.slot('a'), 'a.txt'), 'utf8'), '1');
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSlots } from '../../src/orchestrator/adapters/slots/slots.ts';
import { commit, contractOf, git, value } from '../git/fixture.ts';
import { never, type Shared, shared } from './world.ts';

const DAY_MS = 86_400_000;
const MANY = 2_100;

/** Writes so many objects that no ref reaches that repacking is worth it. Answers their ids. */
function litter({ root, layout }: Shared): string[] {
  const folder = join(root, 'litter');
  mkdirSync(folder);
  const files = Array.from({ length: MANY }, (_, at) => join(folder, `${at}`));
  for (const file of files) writeFileSync(file, `litter ${file}\n`);
  const command = ['--git-dir', layout.repo, 'hash-object', '-w', '--stdin-paths'];
  return execFileSync('git', command, { input: `${files.join('\n')}\n`, encoding: 'utf8' })
    .trim()
    .split('\n');
}

/** Makes every loose object as old as the grace period spares it no more. */
function age({ layout }: Shared): void {
  const objects = join(layout.repo, 'objects');
  const then = new Date(Date.now() - 30 * DAY_MS);
  for (const name of readdirSync(objects, { recursive: true, encoding: 'utf8' })) utimesSync(join(objects, name), then, then);
}

function loose(world: Shared): number {
  return Number(/^count: (\d+)$/m.exec(git(world.layout.repo, 'count-objects', '-v'))?.[1]);
}

test('rescues: newest first, old ones deleted but for the newest, and only they', async (t) => {
  const world = await shared(t);
  const { git: bare } = world.repo;
  const day = (days: number): string => new Date(world.says.now - days * DAY_MS).toISOString().replace(/[-:]|\.\d+/g, '');
  const refs = [
    `refs/greenroom/rescue/machine/${day(1)}-aaaaaaa`,
    `refs/greenroom/rescue/${day(40)}-a-bbbbbbb`,
    `refs/greenroom/rescue/feature/x/${day(50)}-ccccccc`,
    `refs/greenroom/rescue/${day(60)}-b-ddddddd-2`,
  ];
  for (const ref of refs) await bare.must(['update-ref', ref, world.first]);
  const listed = await world.branches.rescues();
  assert.deepEqual(
    listed.map(({ ref, from, subject }) => [ref, from, subject]),
    refs.map((ref, at) => [ref, ['machine', 'slot a', 'feature/x', 'slot b'][at], 'first']),
  );
  assert.equal(listed[0]?.time.slice(0, 19), new Date(world.says.now - DAY_MS).toISOString().slice(0, 19));
  assert.deepEqual(await world.branches.expireRescues({ maxAgeMs: 100 * DAY_MS, keep: 0 }), []);
  const deleted = await world.branches.expireRescues({ maxAgeMs: 30 * DAY_MS, keep: 3 });
  assert.deepEqual(
    deleted.map(({ ref }) => ref),
    [refs[3]],
  );
  assert.equal((await world.branches.expireRescues({ maxAgeMs: 30 * DAY_MS, keep: 0 })).length, 2);
  assert.deepEqual(
    (await world.branches.rescues()).map(({ ref }) => ref),
    [refs[0]],
  );
  assert.notEqual(git(world.layout.repo, 'for-each-ref', 'refs/remotes/origin/main'), '');
});

test('packs refs at once, objects only when there are many, and nothing while a deploy runs', async (t) => {
  const world = await shared(t);
  world.says.attemptRunning = true;
  assert.equal((await world.branches.maintain(never)).status, 'skipped');
  world.says.attemptRunning = false;
  const few = await world.branches.maintain(never);
  assert.deepEqual([few.status, /Nothing to repack/.test(few.detail)], ['done', true]);
  assert.match(readFileSync(join(world.layout.repo, 'packed-refs'), 'utf8'), /refs\/remotes\/origin\/main/);
});

test('keeps what only slots, their indexes, rescue and live refs reach, and what is young; the rest goes', async (t) => {
  const world = await shared(t, { workspace: false });
  const { human, repo, branches, layout } = world;
  const slots = await createSlots({ layout, git: repo.git, contract: contractOf(), log: (message) => world.log.push(message) });
  t.after(() => slots.settled());
  // Each on a branch that is deleted afterwards, so that only our refs reach it.
  const onlyHere: Record<string, string> = {};
  for (const name of ['slot', 'live', 'rescue', 'detached']) {
    git(human, 'checkout', '-q', '-B', name, world.first);
    onlyHere[name] = commit(human, { [`${name}.txt`]: `${name}\n` }, name);
    git(human, 'push', '-q', 'origin', name);
  }
  value(await repo.resolve({ branch: 'slot' }, never));
  value(await slots.prepare({ slot: 'a', commit: onlyHere['slot'] ?? '', attempt: 'x', signal: never }));
  value(await slots.prepare({ slot: 'b', commit: onlyHere['detached'] ?? '', attempt: 'y', signal: never }));
  await repo.git.must(['update-ref', '-d', 'refs/greenroom/slot/b']);
  await repo.markLive(onlyHere['live'] ?? '', '');
  await repo.git.must(['update-ref', 'refs/greenroom/rescue/machine/20250101T000000Z-1234567', onlyHere['rescue'] ?? '']);
  writeFileSync(join(layout.slot('a'), 'staged.txt'), 'only in the index\n');
  git(layout.slot('a'), 'add', 'staged.txt');
  const staged = git(layout.slot('a'), 'rev-parse', ':staged.txt');
  for (const name of Object.keys(onlyHere)) git(human, 'push', '-q', 'origin', `:${name}`);
  await branches.refresh(never);
  const old = litter(world);
  age(world);
  const young = execFileSync('git', ['--git-dir', layout.repo, 'hash-object', '-w', '--stdin'], {
    input: 'young\n',
    encoding: 'utf8',
  }).trim();

  const report = await branches.maintain(never);
  assert.deepEqual([report.status, /Repacked 2\d+ loose objects/.test(report.detail)], ['done', true], report.detail);
  for (const id of [...Object.values(onlyHere), staged, young]) assert.equal(exists(world, id), true);
  assert.equal(exists(world, old[0] ?? ''), false);
  assert.ok(loose(world) < 10);
  assert.equal(git(layout.repo, 'fsck', '--connectivity-only', '--no-dangling'), '');
  assert.equal(git(layout.slot('b'), 'status', '--porcelain'), '');
  assert.equal(readFileSync(join(layout.slot('b'), 'detached.txt'), 'utf8'), 'detached\n');
  // The slot works on: nothing that git needs there was pruned.
  value(await slots.prepare({ slot: 'b', commit: world.first, attempt: 'z', signal: never }));
});

test('checkouts go on while objects are repacked', async (t) => {
  const world = await shared(t, { workspace: false });
  const { human, repo, layout } = world;
  const slots = await createSlots({ layout, git: repo.git, contract: contractOf(), log: (message) => world.log.push(message) });
  t.after(() => slots.settled());
  const commits = Array.from({ length: 6 }, (_, at) => commit(human, { 'a.txt': `${at}\n`, [`dir/${at}.txt`]: `${at}\n` }, `change ${at}`));
  git(human, 'push', '-q', 'origin', 'main');
  await world.branches.refresh(never);
  litter(world);
  let running = true;
  const repacking = world.branches.maintain(never).finally(() => {
    running = false;
  });
  let checkouts = 0;
  while (running || checkouts < commits.length) {
    const commitId = commits[checkouts % commits.length] ?? '';
    value(await slots.prepare({ slot: 'a', commit: commitId, attempt: `c${checkouts}`, signal: never }));
    assert.equal(readFileSync(join(layout.slot('a'), 'a.txt'), 'utf8'), `${checkouts % commits.length}\n`);
    checkouts += 1;
  }
  assert.equal((await repacking).status, 'done');
});

test('an abort stops the repacking and leaves no lock behind', async (t) => {
  const world = await shared(t, { workspace: false });
  litter(world);
  const abort = new AbortController();
  // Watched, not looked for: however late this process has its turn, it learns that the repacking has begun.
  const watcher = watch(world.layout.repo, (_, name) => {
    if (name?.startsWith('gc.pid')) abort.abort();
  });
  const report = await world.branches.maintain(abort.signal);
  watcher.close();
  assert.ok(abort.signal.aborted);
  assert.ok(report.status === 'stopped' || report.status === 'done', report.detail);
  const locks = readdirSync(world.layout.repo, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.lock'));
  assert.deepEqual(locks, []);
  const again = await world.branches.maintain(never);
  assert.equal(again.status, 'done', again.detail);
  assert.equal(git(world.layout.repo, 'fsck', '--connectivity-only', '--no-dangling'), '');
});

function exists({ layout }: Shared, id: string): boolean {
  try {
    git(layout.repo, 'cat-file', '-e', id);
    return true;
  } catch {
    return false;
  }
}

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSlots } from '../../src/orchestrator/adapters/slots/slots.ts';
import { commit, contractOf, failure, git, value, world } from '../git/fixture.ts';

const status = (slot: string): string => git(slot, 'status', '--porcelain', '--untracked-files=all');
const inode = (...parts: string[]): number => statSync(join(...parts)).ino;
/** Counts its runs in a file outside the slot, and makes dependencies in two places, one of them a cache. */
const SETUP = [
  'echo run >> ../runs',
  'mkdir -p node_modules/.cache node_modules/dep packages/x/node_modules',
  'cp package.json node_modules/dep/copy',
  'echo c > node_modules/.cache/c',
  'echo x > packages/x/node_modules/x',
].join(' && ');
const FILES = { 'package.json': '{"v":1}', 'a.txt': '1', 'packages/x/index.js': '', '.gitignore': 'node_modules/\n' };
const runs = (data: string): number => readFileSync(join(data, 'runs'), 'utf8').split('\n').length - 1;

test('setup runs once per key, is unchanged in its slot and carried to the other by hard links', async (t) => {
  const { app, layout, prepare, first } = await world(t, FILES, { setup_command: SETUP });
  const [a, b] = [layout.slot('a'), layout.slot('b')];
  assert.equal(value(await prepare('a', first)).setup, 'ran');
  assert.equal(value(await prepare('b', first)).setup, 'carried');
  assert.equal(inode(a, 'node_modules/dep/copy'), inode(b, 'node_modules/dep/copy'));
  assert.equal(inode(a, 'packages/x/node_modules/x'), inode(b, 'packages/x/node_modules/x'));
  assert.equal(existsSync(join(b, 'node_modules/.cache')), false);
  const second = commit(app, { 'a.txt': '2' });
  assert.equal(value(await prepare('b', second)).setup, 'unchanged');
  assert.equal(runs(layout.data), 1);
  // A new key in one slot changes no file of the other, though setup writes in place.
  const third = commit(app, { 'package.json': '{"v":3}' });
  assert.equal(value(await prepare('b', third)).setup, 'ran');
  assert.equal(readFileSync(join(b, 'node_modules/dep/copy'), 'utf8'), '{"v":3}');
  assert.equal(readFileSync(join(a, 'node_modules/dep/copy'), 'utf8'), '{"v":1}');
  // Back to the first key: the other slot still has it.
  assert.equal(value(await prepare('b', first)).setup, 'carried');
  assert.equal(readFileSync(join(b, 'node_modules/dep/copy'), 'utf8'), '{"v":1}');
  assert.equal(runs(layout.data), 2);
  for (const slot of [a, b]) assert.equal(status(slot), '');
});

test('what the app wrote itself is never carried, and dependencies that git does not ignore are no edits', async (t) => {
  const { app, layout, prepare, first } = await world(t, { ...FILES, '.gitignore': '*.log\n' }, { setup_command: SETUP });
  value(await prepare('a', first));
  writeFileSync(join(layout.slot('a'), 'app.log'), 'log');
  value(await prepare('b', first));
  assert.equal(existsSync(join(layout.slot('b'), 'app.log')), false);
  assert.equal(existsSync(join(layout.slot('b'), 'node_modules/dep/copy')), true);
  const second = commit(app, { 'a.txt': '2' });
  const { rescued, setup } = value(await prepare('a', second));
  assert.deepEqual([rescued, setup], ['', 'unchanged']);
  assert.equal(existsSync(join(layout.slot('a'), 'node_modules/dep/copy')), true);
  assert.equal(readFileSync(join(layout.slot('a'), 'app.log'), 'utf8'), 'log');
});

test('links that setup leaves lead nothing that is carried out of the slot, and nobody to what lies elsewhere', async (t) => {
  const command =
    'if grep -q 1 package.json; then [ -L b ] || { mkdir -p b/planted && echo S > b/planted/x; }; else ln -s .. b; fi; ln -sfn ../elsewhere deps';
  const { app, layout, prepare } = await world(t, FILES, { setup_command: command });
  const kept = join(layout.data, 'elsewhere', '.cache');
  mkdirSync(kept, { recursive: true });
  const among = commit(app, { 'b/tracked': '' });
  const link = commit(app, { 'b/tracked': null, 'package.json': '{"v":2}' });
  const through = commit(app, { 'package.json': '{"v":1}' });
  value(await prepare('a', among));
  value(await prepare('b', link));
  assert.equal(value(await prepare('b', through)).setup, 'ran');
  assert.equal(existsSync(join(layout.data, 'planted')), false);
  assert.equal(value(await prepare('a', link)).setup, 'ran');
  assert.equal(value(await prepare('b', link)).setup, 'carried');
  assert.equal(existsSync(kept), true);
});

test('a virtual environment and links into the other slot are set up anew', async (t) => {
  for (const command of ['mkdir -p venv && echo home > venv/pyvenv.cfg', 'mkdir -p mods && ln -s "$PWD/a.txt" mods/link']) {
    const { prepare, first } = await world(t, FILES, { setup_command: command });
    assert.equal(value(await prepare('a', first)).setup, 'ran');
    assert.equal(value(await prepare('b', first)).setup, 'ran', command);
  }
});

test('tracked files that setup changed are put back', async (t) => {
  const { layout, prepare, first } = await world(t, FILES, { setup_command: 'echo changed > package.json; mkdir -p node_modules' });
  value(await prepare('a', first));
  assert.equal(readFileSync(join(layout.slot('a'), 'package.json'), 'utf8'), '{"v":1}');
  assert.equal(value(await prepare('a', first)).rescued, '');
});

test('setup gets a minimal environment and no secrets', async (t) => {
  process.env['UNTOLD_TOKEN'] = 'secret';
  t.after(() => delete process.env['UNTOLD_TOKEN']);
  const contract = { setup_command: 'env > env.txt; pwd >> env.txt', env: { FLAVOUR: 'mild' }, secrets_inject: ['UNTOLD_TOKEN'] };
  const { layout, prepare, first } = await world(t, FILES, contract);
  value(await prepare('a', first));
  const lines = readFileSync(join(layout.slot('a'), 'env.txt'), 'utf8').split('\n');
  assert.ok(lines.includes('GREENROOM=1') && lines.includes('FLAVOUR=mild') && lines.includes(`GREENROOM_COMMIT=${first}`));
  assert.ok(lines.some((line) => line.startsWith(`PATH=${layout.slot('a')}/node_modules/.bin:`)));
  assert.equal(
    lines.some((line) => line.includes('secret')),
    false,
  );
});

test('a setup that fails says so with its output, and runs again next time', async (t) => {
  const { layout, prepare, first, slots } = await world(t, FILES, { setup_command: 'seq 1 5000; echo oh no >&2; exit 3' });
  const { code, error, evidence } = failure(await prepare('a', first));
  assert.equal(code, 'setup_failed');
  assert.match(error, /exited with code 3/);
  assert.equal(evidence?.log_tail?.at(-1), 'oh no');
  assert.ok((evidence?.log_tail?.length ?? 0) <= 40);
  assert.ok(readFileSync(evidence?.log_file ?? '', 'utf8').includes('oh no'));
  assert.equal(await slots.restore('a', first), false);
  assert.equal(failure(await prepare('a', first)).code, 'setup_failed');
  assert.equal(status(layout.slot('a')), '');
});

test('a setup that hangs is ended with all its descendants, at its limit or on abort', async (t) => {
  const hang = 'setsid sh -c "sleep 1000 & sleep 1000" & echo started > ../started; sleep 1000';
  const { layout, prepare, first } = await world(t, FILES, { setup_command: hang, setup_timeout_ms: 400 });
  const late = failure(await prepare('a', first));
  assert.equal(late.code, 'setup_failed');
  assert.match(late.error, /setup_timeout_ms/);
  assert.deepEqual(inside(layout.data), []);
  const long = await world(t, FILES, { setup_command: hang });
  const abort = new AbortController();
  const running = long.prepare('a', long.first, abort.signal);
  while (!existsSync(join(long.layout.data, 'started'))) await new Promise((resolve) => setTimeout(resolve, 5));
  abort.abort();
  assert.equal(failure(await running).code, 'aborted');
  assert.deepEqual(inside(long.layout.data), []);
});

test('restore goes back to a commit whose dependencies are here, and says so when they are not', async (t) => {
  const { app, layout, prepare, first, slots } = await world(t, FILES, { setup_command: `test ! -e broken && ${SETUP}` });
  value(await prepare('a', first));
  value(await prepare('b', first));
  const broken = commit(app, { 'package.json': '{"v":2}', broken: 'x' });
  assert.equal(failure(await prepare('b', broken)).code, 'setup_failed');
  assert.equal(await slots.restore('b', first), true);
  assert.equal(readFileSync(join(layout.slot('b'), 'node_modules/dep/copy'), 'utf8'), '{"v":1}');
  assert.equal(status(layout.slot('b')), '');
  assert.equal(await slots.restore('b', broken), false);
});

test('another command or another env is another key', async (t) => {
  const { layout, repo, prepare, first, log } = await world(t, FILES, { setup_command: 'echo 1 > made' });
  value(await prepare('a', first));
  for (const contract of [{ setup_command: 'echo 2 > made' }, { setup_command: 'echo 2 > made', env: { X: '1' } }]) {
    const slots = await createSlots({ layout, git: repo.git, contract: contractOf(contract), log: (line) => log.push(line) });
    const request = { slot: 'a', commit: first, attempt: 'k', signal: new AbortController().signal } as const;
    assert.equal(value(await slots.prepare(request)).setup, 'ran');
    assert.equal(value(await slots.prepare(request)).setup, 'unchanged');
    await slots.settled();
  }
});

/** Command lines of processes that have a path in their environment. */
function inside(path: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(path) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch (error) {
      assert.match(String(error), /ENOENT|ESRCH|EACCES/);
      return [];
    }
  });
}

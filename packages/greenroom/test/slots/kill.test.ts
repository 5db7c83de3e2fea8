import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createSlots } from '../../src/orchestrator/adapters/slots/slots.ts';
import { commit, contractOf, type Files, git, openApp, value, world } from '../git/fixture.ts';

const CHILD = fileURLToPath(new URL('prepare-child.ts', import.meta.url));
const ROUNDS = 8;
/** Long enough that a kill falls into the middle of a checkout or a setup. */
const LONGEST_MS = 400;
const SETUP =
  'rm -rf node_modules; for i in 1 2 3 4 5 6 7 8; do mkdir -p node_modules/d$i && cp package.json node_modules/d$i/ && sleep 0.01; done';

function manyFiles(mark: string): Files {
  const files: Files = { '.gitignore': 'node_modules/\nlogs/\n' };
  for (let index = 0; index < 300; index++) files[`src/m${index % 20}/f${index}.txt`] = `${mark}-${index}\n`.repeat(200);
  return files;
}

test('after kill -9 at any moment of a preparation the next one makes the slot whole, and loses nothing', async (t) => {
  const contract = { setup_command: SETUP, shared_paths: ['data/'] };
  const { app, layout, prepare, first, repo: opened } = await world(t, { ...manyFiles('one'), 'package.json': '1' }, contract);
  const second = commit(app, { ...manyFiles('two'), 'package.json': '2', 'src/m0/f0.txt': null, 'only/in/two.txt': '2' });
  const third = commit(app, { ...manyFiles('three'), 'package.json': '3' });
  const commits = [first, second, third];
  assert.equal(await opened.fetch(), '');
  value(await prepare('a', first));
  value(await prepare('b', first));
  mkdirSync(join(layout.slot('a'), 'logs'));
  writeFileSync(join(layout.slot('a'), 'logs/app.log'), 'kept');
  writeFileSync(join(layout.slot('a'), 'data/row'), 'shared');
  // Work that is in the slot before the kills begin.
  writeFileSync(join(layout.slot('a'), 'precious.txt'), 'precious');
  appendFileSync(join(layout.slot('a'), 'src/m1/f1.txt'), 'edited');
  const phases = new Set<string>();
  let child: ChildProcess | undefined;
  t.after(() => child?.kill('SIGKILL'));

  for (let round = 0; round < ROUNDS; round++) {
    child = spawn(process.execPath, [CHILD, layout.data, app, JSON.stringify(contract), ...commits], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    if (child.stdout) await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_MS));
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    assert.equal(said, 'ready\n');
    for (const slot of ['a', 'b']) {
      phases.add((JSON.parse(readFileSync(join(layout.run, `slot-${slot}.json`), 'utf8')) as { phase: string }).phase);
    }

    const repo = await openApp(layout, app);
    const slots = await createSlots({ layout, git: repo.git, contract: contractOf(contract), log: () => undefined });
    for (const [index, slot] of (['a', 'b'] as const).entries()) {
      const wanted = commits[(round + index) % commits.length] ?? '';
      value(await slots.prepare({ slot, commit: wanted, attempt: `r${round}`, signal: new AbortController().signal }));
      const folder = layout.slot(slot);
      assert.equal(git(folder, 'status', '--porcelain', '--untracked-files=all'), '');
      assert.equal(git(folder, 'rev-parse', 'HEAD'), wanted);
      const version = git(layout.repo, 'show', `${wanted}:package.json`);
      for (const dependency of [1, 8])
        assert.equal(readFileSync(join(folder, `node_modules/d${dependency}/package.json`), 'utf8'), version);
    }
    await slots.settled();
    assert.equal(readFileSync(join(layout.slot('a'), 'logs/app.log'), 'utf8'), 'kept');
    assert.equal(readFileSync(join(layout.slot('b'), 'data/row'), 'utf8'), 'shared');
    assert.equal(existsSync(join(layout.repo, 'worktrees/deploy-a/index.lock')), false);
  }
  // Exactly one rescue, with the work in it: no half-written checkout was taken for work.
  const rescues = git(layout.repo, 'for-each-ref', '--format=%(refname)', 'refs/greenroom/rescue').split('\n');
  assert.equal(rescues.length, 1, rescues.join(' '));
  assert.equal(git(layout.repo, 'show', `${rescues[0]}:precious.txt`), 'precious');
  assert.match(git(layout.repo, 'show', `${rescues[0]}:src/m1/f1.txt`), /edited$/);
  assert.ok(phases.has('checkout') || phases.has('setup'), `kills must reach the middle of a preparation: ${[...phases].join(', ')}`);
});

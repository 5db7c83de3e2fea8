import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { headOf, humanCommit, lines } from '../../branches/world.ts';
import { commit, git } from '../../git/fixture.ts';
import { until } from '../../instances/rig.ts';
import { NEXT, type WorkspaceRig, workspaceRig } from './rig.ts';

const CHILD = fileURLToPath(new URL('./prepare-child.ts', import.meta.url));

/** Where in a preparation the kill comes: at the start of the first git command of that name, so many milliseconds into it. */
const KILLS: [command: string, ms: number][] = [
  ['config', 0],
  ['fetch', 5],
  ['merge-tree', 2],
  ['commit-tree', 1],
  ['read-tree', 0],
  ['read-tree', 2],
  ['read-tree', 5],
  ['update-ref', 0],
  ['update-ref', 3],
];

/** Prepares in a process of its own, which dies by SIGKILL together with its git. */
async function killedAt(rig: WorkspaceRig, [command, ms]: (typeof KILLS)[number]): Promise<void> {
  const bin = join(rig.root, 'bin');
  const killed = join(rig.root, 'killed');
  rmSync(killed, { force: true });
  mkdirSync(bin, { recursive: true });
  const path = process.env['PATH'];
  const script = `#!/bin/sh
PATH='${path}'
case " $* " in *' ${command} '*) git "$@" & sleep ${ms / 1_000}; touch '${killed}'; kill -9 $! $PPID $$ ;; esac
exec git "$@"
`;
  writeFileSync(join(bin, 'git'), script, { mode: 0o755 });
  const child = spawn(process.execPath, [CHILD, JSON.stringify(rig.layout), JSON.stringify(NEXT)], {
    env: { PATH: `${bin}:${path}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await once(child, 'exit');
  assert.ok(existsSync(killed), `no git ${command} was started`);
}

test('a runner that is killed in the middle of preparing costs nothing, and the next one goes on', { timeout: 120_000 }, async (t) => {
  const rig = await workspaceRig(t);
  const { path } = rig.workspace;
  const names = Array.from({ length: 12 }, (_, at) => `many/${at}.txt`);
  humanCommit(rig, Object.fromEntries(names.map((name) => [name, lines(name)])));
  await rig.repo.fetch();
  for (const kill of [
    ['init', 0],
    ['fetch', 3],
    ['reset', 3],
  ] as typeof KILLS)
    await killedAt(rig, kill);
  await rig.prepare();
  for (const [round, kill] of KILLS.entries()) {
    const own = commit(path, { 'a.txt': lines('a', { 1: `agent ${round}` }) });
    writeFileSync(join(path, 'b.txt'), 'half a thought');
    const edits = Object.fromEntries(names.map((name) => [name, lines(name, { 3: `human ${round}` })]));
    const human = humanCommit(rig, { ...edits, [`added/${round}.txt`]: 'added' });
    await rig.repo.fetch();
    if (kill[0] === 'config') git(path, 'config', 'user.name', 'somebody else');
    await killedAt(rig, kill);
    const prepared = await rig.prepare();
    const about = `killed in git ${kill.join(' after ')} ms: ${JSON.stringify(prepared.notes)}`;
    assert.equal(prepared.firstTask, undefined, about);
    assert.deepEqual((await rig.workspace.state()).uncommitted, ['b.txt'], about);
    assert.equal(readFileSync(join(path, 'b.txt'), 'utf8'), 'half a thought', about);
    for (const each of [human, own]) assert.equal(git(path, 'merge-base', 'machine', each), each, about);
    assert.equal(readFileSync(join(path, 'many/7.txt'), 'utf8'), edits['many/7.txt'], about);
    assert.ok(existsSync(join(path, `added/${round}.txt`)), about);
    git(path, 'checkout', '-q', 'b.txt');
  }
});

test('locks of a git that is gone are removed, those of one that runs are waited for', async (t) => {
  const rig = await workspaceRig(t);
  const { path } = rig.workspace;
  await rig.prepare();
  for (const lock of ['index.lock', 'HEAD.lock', 'config.lock', 'refs/heads/machine.lock']) writeFileSync(join(path, '.git', lock), '');
  const human = humanCommit(rig, { 'a.txt': lines('a', { 1: 'human' }) });
  await rig.prepare();
  assert.equal(headOf(path, 'machine'), human);

  writeFileSync(join(path, '.git/index.lock'), '');
  const running = spawn('git', ['cat-file', '--batch'], { cwd: path, stdio: ['pipe', 'ignore', 'inherit'] });
  await until('git runs', () => readFileSync(`/proc/${running.pid}/comm`, 'utf8').startsWith('git'));
  let ready = false;
  const preparing = rig.prepare().then(() => {
    ready = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.ok(!ready && existsSync(join(path, '.git/index.lock')));
  running.stdin.end();
  await preparing;
});

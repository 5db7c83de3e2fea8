import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { InstanceRecord } from '../../src/orchestrator/adapters/instances/records.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { readStat } from '../../src/proc.ts';
import { pidOf, until } from '../e2e/rig.ts';
import { atRest, expectNoLoss, expectWhole, liveNow, openRecovery, type RecoveryRig, running } from './rig.ts';

test('damaged, old and missing files: what is live stays, and the journal tells the truth', async (t) => {
  const rig = await openRecovery(t);
  const layout = layoutOf(rig.data);
  const old = join(rig.root, 'old-state.json');
  copyFileSync(layout.state, old);
  await rig.live(rig.version());
  await rig.live(rig.version());
  await atRest(rig);

  /** Kills the orchestrator, does the damage, starts it again: the same release by the same process, with the same way back. */
  async function survives(damage: () => void): Promise<void> {
    const before = await liveNow(rig);
    const { previous_commit, last_deploy_time } = await rig.status();
    const known = (await rig.client.deploys()).map(({ id, status }) => `${id} ${status}`);
    await rig.kill();
    damage();
    await rig.start();
    assert.deepEqual(await liveNow(rig), before);
    const after = await rig.status();
    assert.deepEqual([after.previous_commit, after.last_deploy_time], [previous_commit, last_deploy_time]);
    assert.deepEqual(
      (await rig.client.deploys()).map(({ id, status }) => `${id} ${status}`),
      known,
    );
  }
  const whole: [string, () => void][] = [
    ['state.json is gone', () => rmSync(layout.state)],
    ['state.json is not JSON', () => writeFileSync(layout.state, '{"journal":')],
    ['state.json is empty', () => writeFileSync(layout.state, '')],
    ['state.json is older than the journal', () => copyFileSync(old, layout.state)],
    ['the last line of the journal is torn', () => appendFileSync(layout.journal, '{"seq":99,"time":"20')],
    ['the records of the instances are gone', () => rmSync(layout.instances, { recursive: true })],
    ['the records of the instances are damaged', () => eachRecord(rig, (file) => writeFileSync(file, '{'))],
    ['a lock and a half-made repository were left', () => leaveHalfThings(rig)],
    ['the repository is gone', () => rmSync(layout.repo, { recursive: true })],
  ];
  for (const [name, damage] of whole) {
    await t.test(name, async () => {
      await survives(damage);
      await expectWhole(rig);
    });
  }
  assert.ok(
    readdirSync(rig.data).some((name) => name.startsWith('journal.jsonl.torn-')),
    'the torn line was dropped',
  );
  assert.ok(!existsSync(join(rig.data, 'repo.git.new-half')));
  await t.test('deploys and rollbacks go on', async () => {
    await rig.live(rig.version());
    const { previous_commit } = await rig.status();
    assert.ok((await rig.client.rollback()).success);
    assert.equal((await rig.status()).live_commit, previous_commit);
    await atRest(rig);
  });
  await t.test('the end of the journal was cut off', async () => {
    await survives(() => cutLines(layout.journal, 1));
    const { journal } = await rig.status();
    assert.ok(!journal.intact);
    assert.match(journal.problem, /cut off|missing/);
    const verified = await rig.cli(['log', '--verify']);
    assert.notEqual(verified.code, 0);
    assert.match(verified.output, /missing/);
    await rig.live(rig.version());
    assert.notEqual((await rig.cli(['log', '--verify'])).code, 0, 'the gap must stay visible');
    await atRest(rig);
  });
  await t.test('the journal is gone', async () => {
    const before = await liveNow(rig);
    await rig.kill();
    rmSync(layout.journal);
    await rig.start();
    assert.deepEqual(await liveNow(rig), before);
    assert.ok(!(await rig.status()).journal.intact);
  });
  await expectNoLoss(rig);
});

test('a process that is not the app is never signalled, whatever the records say', async (t) => {
  const rig = await openRecovery(t, { load: false });
  const cases: [string, (record: InstanceRecord, foreign: ChildProcess) => InstanceRecord][] = [
    ['the pid was given to another process', (record, { pid = 0 }) => ({ ...record, pid })],
    [
      'the machine was booted since, and pid and start time happen to fit',
      (record, { pid = 0 }) => ({
        ...record,
        pid,
        startTicks: readStat(pid)?.startTicks ?? 0,
        bootId: '00000000-0000-0000-0000-000000000000',
      }),
    ],
  ];
  for (const [name, change] of cases) {
    await t.test(name, async (t) => {
      const foreign = stranger(t);
      const before = await liveNow(rig);
      await rig.kill();
      process.kill(before.pid, 'SIGKILL');
      await until(
        () => !running(before.pid),
        () => 'the app runs on',
      );
      eachRecord(rig, (file) => {
        const record = JSON.parse(readFileSync(file, 'utf8')) as InstanceRecord;
        if (record.pid === before.pid) writeFileSync(file, JSON.stringify(change(record, foreign)));
      });
      await rig.start();
      const now = await liveNow(rig);
      assert.equal(now.commit, before.commit);
      assert.ok(now.pid !== before.pid && now.pid !== foreign.pid);
      await rig.live(rig.version());
      await atRest(rig);
      assert.ok(running(foreign.pid ?? 0), 'a foreign process was ended');
    });
  }
});

test('one data directory has one orchestrator, also while that one is still starting', async (t) => {
  const rig = await openRecovery(t, { load: false });
  const before = await liveNow(rig);
  const second = async (): Promise<void> => {
    const { code, output } = await startAnother(rig);
    assert.equal(code, 1, output);
    assert.match(output, /is running already|Another orchestrator/);
  };
  await second();
  await rig.kill();
  const pidFile = layoutOf(rig.data).pidFile;
  rmSync(pidFile);
  const starting = rig.start();
  await until(
    () => existsSync(pidFile),
    () => 'it does not start',
  );
  process.kill(rig.pid(), 'SIGSTOP');
  try {
    await second();
    rmSync(pidFile);
    await second();
  } finally {
    process.kill(rig.pid(), 'SIGCONT');
  }
  await starting;
  assert.deepEqual(await liveNow(rig), before);
  assert.equal(pidOf(await rig.status()), before.pid);
});

function eachRecord(rig: RecoveryRig, act: (file: string) => void): void {
  const folder = layoutOf(rig.data).instances;
  for (const name of readdirSync(folder)) act(join(folder, name));
}

function leaveHalfThings(rig: RecoveryRig): void {
  const { repo } = layoutOf(rig.data);
  writeFileSync(join(repo, 'worktrees', 'deploy-a', 'index.lock'), '');
  writeFileSync(join(repo, 'worktrees', 'deploy-b', 'index.lock'), '');
  writeFileSync(join(repo, 'packed-refs.lock'), '');
  mkdirSync(join(rig.data, 'repo.git.new-half', 'objects'), { recursive: true });
}

function cutLines(file: string, count: number): void {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  writeFileSync(file, `${lines.slice(0, -count).join('\n')}\n`);
}

function stranger(t: TestContext): ChildProcess {
  const child = spawn('sleep', ['300'], { stdio: 'ignore', detached: true });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function startAnother(rig: RecoveryRig): Promise<{ code: number | null; output: string }> {
  const cli = new URL('../../src/cli/main.ts', import.meta.url).pathname;
  const args = [
    'start',
    '--contract',
    join(rig.root, 'app.contract.json'),
    '--repo',
    rig.repo,
    '--data',
    rig.data,
    '--port',
    `${rig.apiPort}`,
  ];
  const child = spawn(process.execPath, [cli, ...args], {
    env: { ...process.env, GREENROOM_HOME: rig.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppFinding } from '../../src/app-doctor/finding.ts';
import { clearStage } from '../../src/app-doctor/stage-folder.ts';
import { markedProcesses } from '../../src/orchestrator/adapters/git/processes.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';
import { registerApp } from '../../src/registry/index.ts';
import { MAIN } from '../cli/support.ts';
import { openRig } from '../e2e/rig.ts';
import { createPatient } from './rig.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const GUESTBOOK = join(ROOT, 'examples/guestbook');
const LIMIT_MS = 20_000;

test('nothing is found in the guestbook, and what is live is not touched', async (t) => {
  const { start_command, health_test_payload } = JSON.parse(readFileSync(join(GUESTBOOK, 'app.contract.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  const setup_command = `ln -sfn ${join(ROOT, 'node_modules')} node_modules`;
  const rig = await openRig(t, { contract: { start_command, health_test_payload, setup_command, shared_paths: ['data/'] } });
  const live = await rig.live(
    rig.commit(
      {},
      {
        ...filesOf('src'),
        ...filesOf('public'),
        'package.json': '{ "type": "module", "version": "1.0.0" }',
        '.gitignore': '/data\n/node_modules\n',
      },
    ),
  );
  const before = await rig.status();
  const ran = await rig.cli(['doctor', '--boot', '--json']);
  const report = JSON.parse(ran.output) as { ok: boolean; app: string; commit: string; findings: AppFinding[] };
  assert.deepEqual(
    report.findings.filter(({ level }) => level !== 'ok'),
    [],
  );
  assert.deepEqual([ran.code, report.ok, report.commit], [0, true, live.commit]);
  const after = await rig.status();
  assert.deepEqual([after.slots, after.deploys.length, after.healthy], [before.slots, before.deploys.length, true]);
  assert.ok(!existsSync(layoutOf(rig.data).doctor));
});

test('Ctrl-C takes everything away; what kill -9 leaves is ended by the next one', async (t) => {
  const patient = await createPatient(t, 'ignores-port', { health_timeout_ms: LIMIT_MS });
  const { layout } = patient;
  const home = join(layout.data, '..', 'home');
  const contract = join(layout.data, 'app.contract.json');
  await registerApp(home, { name: 'shop', data: layout.data, repo: patient.questions().repo, contract, api_port: 9100 });
  await writeFile(contract, JSON.stringify(patient.contract));
  const begin = (): ChildProcess => {
    const child = spawn(process.execPath, [MAIN, 'doctor', '--app'], {
      cwd: patient.questions().repo,
      env: { ...process.env, GREENROOM_HOME: home },
    });
    t.after(() => child.kill('SIGKILL'));
    return child;
  };

  const interrupted = begin();
  await until(async () => (await running(layout)).length > 0);
  interrupted.kill('SIGINT');
  assert.deepEqual(await once(interrupted, 'exit'), [130, null]);
  assert.deepEqual(await running(layout), []);
  assert.ok(!existsSync(layout.doctor));

  const killed = begin();
  await until(async () => (await running(layout)).length > 0);
  await clearStage(layout);
  assert.equal((await running(layout)).length, 1, 'a doctor at work is left alone');
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  assert.equal((await running(layout)).length, 1, 'the app outlived it');
  await clearStage(layout);
  assert.deepEqual(await running(layout), []);
  assert.ok(!existsSync(layout.doctor));
});

function running({ doctor }: Layout): Promise<number[]> {
  return markedProcesses(`GREENROOM_CONTRACT=${layoutOf(doctor).contractCopy}`);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, 'it did not come about');
    await sleep(20);
  }
}

function filesOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(join(GUESTBOOK, folder)).map((name) => [`${folder}/${name}`, readFileSync(join(GUESTBOOK, folder, name), 'utf8')]),
  );
}

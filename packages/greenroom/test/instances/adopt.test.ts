import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { carriers, makeRig, PROCESSES, type Rig, SERVER, until } from './rig.ts';
import { adoptSuite } from './suite/adopt.ts';
import { afterCrash } from './suite/crash.ts';

adoptSuite(PROCESSES);

test('an adopted instance that ignores SIGTERM is killed with its daemons', async (t) => {
  const app = `process.on('SIGTERM', () => {}); require('node:child_process').spawn('node', ['app2.cjs'], { detached: true, stdio: 'inherit' });${SERVER}`;
  const { rig, booted } = await afterCrash(t, 1, {
    files: { 'app.cjs': app, 'app2.cjs': "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)" },
  });
  const [instance] = await rig.instances.adopt();
  assert.equal(instance?.pid, booted[0]?.pid);
  assert.ok(instance);
  await until('the daemon runs', () => carriers(rig.layout).length === 2);
  assert.equal((await rig.instances.stop(instance.instance, 200)).signal, 'SIGKILL');
  assert.deepEqual(carriers(rig.layout), []);
});

const DAMAGES: Record<string, (file: string) => void> = {
  removed: (file) => rmSync(file),
  corrupt: (file) => writeFileSync(file, '{"instance": '),
  'written before the process existed': (file) =>
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), pid: 0, startTicks: 0 })),
};
for (const [damage, apply] of Object.entries(DAMAGES)) {
  test(`an instance whose record was ${damage} is found by its environment`, async (t) => {
    const app = `require('node:child_process').spawn('sleep', ['1000'], { detached: true });${SERVER}`;
    const contract = damage === 'removed' ? { internal_socket: '/run/rig.sock' } : { internal_port: 3901 };
    const { rig, booted } = await afterCrash(t, 1, { files: { 'app.cjs': app }, contract });
    const [before] = booted;
    assert.ok(before);
    await until('the daemon runs', () => carriers(rig.layout).length === 2);
    apply(join(rig.layout.instances, `${before.instance}.json`));
    const [found, ...others] = await rig.instances.adopt();
    assert.deepEqual(others, []);
    assert.deepEqual({ ...found, startedAt: 0 }, { ...before, startedAt: 0 });
    assert.ok(Math.abs((found?.startedAt ?? 0) - before.startedAt) < 2_000);
  });
}

test('a later process with the same pid, or of an earlier boot, is not mistaken for the instance', async (t) => {
  const rig = makeRig(t);
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.after(() => other.kill('SIGKILL'));
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const startTicks = Number(readFileSync(`/proc/${other.pid}/stat`, 'utf8').split(' ')[21]);
  const record = { slot: 'a', commit: 'c', pid: other.pid, port: 1, internalPort: 0, logFile: '/dev/null', startedAt: 1 };
  writeRecord(rig, { ...record, instance: 'reused', startTicks: startTicks - 1, bootId });
  writeRecord(rig, { ...record, instance: 'rebooted', startTicks, bootId: 'another' });
  assert.deepEqual(await rig.instances.adopt(), []);
  for (const instance of ['reused', 'rebooted']) assert.equal((await rig.instances.stop(instance, 0)).code, null);
  assert.equal(other.exitCode ?? other.signalCode, null);
});

function writeRecord(rig: Rig, record: { instance: string; [field: string]: unknown }): void {
  writeFileSync(join(rig.layout.instances, `${record.instance}.json`), JSON.stringify(record));
}

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Instance } from '../../src/orchestrator/ports.ts';
import { carriers, makeRig, openInstances, type Rig, type RigOptions, SERVER, until } from './rig.ts';

test('instances of a killed orchestrator are adopted, serve on, and can be stopped', async (t) => {
  const { rig, booted } = await afterCrash(t, 2, { files: { 'app.cjs': SERVER } });
  assert.deepEqual(byId(await rig.instances.adopt()), byId(booted));
  assert.deepEqual(byId(rig.instances.all()), byId(booted));
  const [one, other] = booted;
  assert.ok(one && other);
  assert.equal((await rig.instances.stop(one.instance, 2_000)).description, 'ended after SIGTERM');
  assert.equal((await fetch(`http://127.0.0.1:${other.port}/`)).status, 200);
  process.kill(other.pid, 'SIGKILL');
  await until('the exit of the other one is told', () => rig.exits.length === 2, 1_000);
  assert.deepEqual(
    rig.exits.map((exit) => exit.instance),
    [one.instance, other.instance],
  );
  assert.deepEqual(rig.exits[1]?.logTail, ['listening']);
});

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

test('an instance that ended meanwhile is recorded as ended, and what it left behind is killed', async (t) => {
  const app = `require('node:child_process').spawn('sleep', ['1000'], { detached: true });${SERVER}`;
  const { rig, booted } = await afterCrash(t, 1, { files: { 'app.cjs': app } });
  const [instance] = booted;
  assert.ok(instance);
  await until('the daemon runs', () => carriers(rig.layout).length === 2);
  process.kill(instance.pid, 'SIGKILL');
  await until('the leader is gone', () => !carriers(rig.layout).includes(instance.pid));
  assert.deepEqual(await rig.instances.adopt(), []);
  assert.deepEqual(carriers(rig.layout), []);
  assert.equal((await rig.instances.stop(instance.instance, 1_000)).description, 'ended while the orchestrator was away');
});

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

test('adopting leaves an app of the same name in another data directory alone', async (t) => {
  const other = await afterCrash(t, 1, { files: { 'app.cjs': SERVER } });
  const rig = makeRig(t);
  assert.deepEqual(await rig.instances.adopt(), []);
  assert.equal(carriers(other.rig.layout).length, 1);
  assert.equal((await other.rig.instances.adopt()).length, 1);
});

test('an orchestrator killed at any moment of booting leaves nothing that is not found', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': SERVER } });
  for (let round = 0; round < 6; round++) {
    const host = startHost(t, rig, 1_000);
    await until('it boots', () => readdirSync(rig.layout.instances).length > 0);
    await sleep(randomInt(60));
    host.kill('SIGKILL');
    await once(host, 'exit');
    const next = openInstances(rig.layout, rig.contract);
    const adopted = await next.adopt();
    const leaders = carriers(rig.layout).toSorted();
    assert.deepEqual(adopted.map(({ pid }) => pid).toSorted(), leaders);
    await Promise.all(adopted.map(({ instance }) => next.stop(instance, 0)));
    next.close();
    assert.deepEqual(carriers(rig.layout), []);
    for (const name of readdirSync(rig.layout.instances)) rmSync(join(rig.layout.instances, name));
  }
});

function startHost(t: TestContext, rig: Rig, count: number): ChildProcessByStdio<null, Readable, null> {
  const args = [fileURLToPath(import.meta.resolve('./host.ts')), rig.layout.data, JSON.stringify(rig.contract), String(count)];
  const host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => host.kill('SIGKILL'));
  return host;
}

async function afterCrash(t: TestContext, count: number, options: RigOptions): Promise<{ rig: Rig; booted: Instance[] }> {
  const rig = makeRig(t, options);
  const host = startHost(t, rig, count);
  const [line] = await once(createInterface(host.stdout), 'line');
  const booted: Instance[] = JSON.parse(String(line));
  assert.equal(booted.length, count);
  await until('the instances listen', async () => {
    const logs = booted.map(({ logFile }) => readFileSync(logFile, 'utf8'));
    return logs.every((text) => text.includes('listening'));
  });
  host.kill('SIGKILL');
  await once(host, 'exit');
  return { rig, booted };
}

function byId(instances: Instance[]): Instance[] {
  return instances.toSorted((one, other) => one.instance.localeCompare(other.instance));
}

function writeRecord(rig: Rig, record: { instance: string; [field: string]: unknown }): void {
  writeFileSync(join(rig.layout.instances, `${record.instance}.json`), JSON.stringify(record));
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter } from '../../src/confine/limiter.ts';
import type { ResourceLimits } from '../../src/confine/limits.ts';
import { alertLimits } from '../../src/main/limit-alerts.ts';
import type { Alert } from '../../src/orchestrator/core/alert.ts';
import type { InstanceExit } from '../../src/orchestrator/ports.ts';
import { isRunning, processTable, readCommandLine } from '../../src/proc.ts';
import { makeRig, openInstances, type Rig, until, untilLogged } from '../instances/rig.ts';
import { testCgroups } from './rig.ts';

const EATER = `
const kept = [];
const eat = () => { for (;;) kept.push(Buffer.alloc(4e6, 1)); };
process.on('SIGUSR2', eat);
console.log('ready');
if (process.env.EAT) setTimeout(eat, 10);
setInterval(() => {}, 1000);
`;

async function firstExit(rig: Rig): Promise<InstanceExit> {
  await until('the instance has ended', () => rig.exits.length > 0);
  return rig.exits[0] as InstanceExit;
}

const limited = (t: Parameters<typeof testCgroups>[0], limits: ResourceLimits) =>
  createLimiter({ kind: 'app', limits, key: 'rig', cgroups: testCgroups(t) });

test('an app that takes too much memory is killed by the kernel, which is told as the cause', async (t) => {
  const limiter = limited(t, { memory_mb: 100 });
  const rig = makeRig(t, { files: { 'app.cjs': EATER }, contract: { env: { EAT: '1' } }, limiter });
  await rig.boot();
  const { exit } = await firstExit(rig);
  assert.equal(exit.signal, 'SIGKILL');
  assert.equal(exit.description, 'was killed by the kernel at 100 MB of memory, its limit (limits.app.memory_mb)');
  assert.equal(exit.limit, 'limits.app.memory_mb');
});

test('an app that goes on without a worker which ate too much is an alert, over with its instance', async (t) => {
  const limiter = limited(t, { memory_mb: 150 });
  const master = `require('node:child_process').fork('worker.cjs').on('exit', () => console.log('worker is gone')); setInterval(() => {}, 1000);`;
  const rig = makeRig(t, { files: { 'app.cjs': master, 'worker.cjs': EATER }, contract: { env: { EAT: '1' } }, limiter });
  const alerts: Alert[] = [];
  const said: string[] = [];
  alertLimits({ instances: rig.instances, alert: (alert) => alerts.push(alert), log: (message) => said.push(message) });
  const { instance } = await rig.boot();
  await until('an alert', () => alerts.length > 0);
  const sentence = 'The kernel killed 1 of its processes at 150 MB of memory, their limit together (limits.app.memory_mb).';
  assert.deepEqual(said, [`Instance ${instance}: ${sentence}`]);
  assert.ok(alerts[0]?.detail.startsWith(sentence), alerts[0]?.detail);
  await rig.instances.stop(instance, 100);
  assert.deepEqual(
    alerts.map(({ key, resolved = false }) => [key, resolved]),
    [
      [`limit_reached:${instance}`, false],
      [`limit_reached:${instance}`, true],
    ],
  );
});

test('an adopted app keeps its limits, and its cause of death is told too', async (t) => {
  const limiter = limited(t, { memory_mb: 100, cpu_percent: 400 });
  const rig = makeRig(t, { files: { 'app.cjs': EATER }, limiter });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'ready');
  rig.instances.close();
  const next = openInstances(rig.layout, rig.contract, process.env, () => undefined, limiter);
  const exits: InstanceExit[] = [];
  next.onExit((exit) => exits.push(exit));
  assert.equal((await next.adopt()).length, 1);
  process.kill(instance.pid, 'SIGUSR2');
  await until('the adopted instance has ended', () => exits.length > 0);
  assert.match(exits[0]?.exit.description ?? '', /^was killed by the kernel at 100 MB of memory, its limit/);
  await until('its group is gone', () => limiter.known().length === 0);
  next.close();
});

test('a fork bomb stays within its bounds, and ends with all that it started', async (t) => {
  const bomb = `
    const { spawn } = require('node:child_process');
    const more = () => { const one = spawn('setsid', ['sleep', '7351']); one.on('error', (error) => { console.error(error.code); process.exit(3); }); one.on('spawn', more); };
    more();
  `;
  const limiter = limited(t, { processes: 30 });
  const rig = makeRig(t, { files: { 'app.cjs': bomb }, limiter });
  await rig.boot();
  const { exit, outlived } = await firstExit(rig);
  assert.match(
    exit.description,
    /^exited with code 3, after the kernel had refused it \d+ new processes or threads beyond its 30 \(limits\.app\.processes\)$/,
  );
  assert.ok(outlived.length < 30, String(outlived.length));
  await until('its group is gone', () => limiter.known().length === 0);
  assert.deepEqual(sleepers('7351'), []);
});

test('what cut every tie to the app ends with it all the same', async (t) => {
  const limiter = limited(t, {});
  const runaway = `
    require('node:child_process').execSync("setsid -f env -i /bin/sh -c 'sleep 7352 & sleep 0' >/dev/null 2>&1");
    setInterval(() => {}, 1000);
    console.log('away');
  `;
  const rig = makeRig(t, { files: { 'app.cjs': runaway }, limiter });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'away');
  await until('the sleeper runs', () => sleepers('7352').length === 1);
  await rig.instances.stop(instance.instance, 100);
  assert.deepEqual(sleepers('7352'), []);
});

test('open files and the size of a file are bounded, and the last words of the app tell of it', async (t) => {
  const limiter = limited(t, { open_files: 64, file_size_mb: 1 });
  const files = {
    'app.cjs': `const fs = require('node:fs');
      if (process.env.WHAT === 'open') for (;;) fs.openSync('/dev/null');
      for (;;) fs.appendFileSync('big', Buffer.alloc(3e5));`,
  };
  const many = makeRig(t, { files, contract: { env: { WHAT: 'open' } }, limiter });
  const large = makeRig(t, { files, limiter });
  await Promise.all([many.boot(), large.boot()]);
  assert.match(
    (await firstExit(many)).exit.description,
    /^exited with code 1, and its output tells of too many open files; it may have 64 \(limits\.app\.open_files\)$/,
  );
  assert.equal((await firstExit(large)).exit.limit, 'limits.app.file_size_mb');
});

test('without control groups memory is watched, and the rest is named as not held', async (t) => {
  const limiter = createLimiter({ kind: 'app', limits: { memory_mb: 90, cpu_percent: 50, processes: 64 }, key: 'rig', cgroups: undefined });
  assert.deepEqual(
    limiter.gaps.map((gap) => gap.split(' ')[0]),
    ['limits.app.memory_mb', 'limits.app.cpu_percent', 'limits.app.processes'],
  );
  const slow = `const kept = []; setInterval(() => { if (kept.length < 8) kept.push(Buffer.alloc(20e6, 1)); }, 5);`;
  const rig = makeRig(t, { files: { 'app.cjs': slow }, limiter });
  await rig.boot();
  const { exit } = await firstExit(rig);
  assert.match(exit.description, /^was ended by Greenroom at \d+ MB of memory; its limit is 90 MB \(limits\.app\.memory_mb\)$/);
});

test('an app that could not be found is still told as such, and leaves no group', async (t) => {
  const limiter = limited(t, { memory_mb: 100 });
  const rig = makeRig(t, { files: { 'app.cjs': '' }, contract: { start_command: 'no-such-program' }, limiter });
  const booted = await rig.instances.boot({ instance: 'i-none', slot: 'a', commit: 'c'.repeat(40) });
  assert.match(booted.ok ? '' : booted.failure.error, /"no-such-program" was not found/);
  assert.deepEqual(limiter.known(), []);
});

function sleepers(seconds: string): number[] {
  const running = [...processTable().values()].filter(isRunning);
  return running.map(({ pid }) => pid).filter((pid) => readCommandLine(pid).at(-1) === seconds && readCommandLine(pid)[0] === 'sleep');
}

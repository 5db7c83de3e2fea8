import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRunning, processTable, readStat } from '../../src/proc.ts';
import { carriers, DRAINS, makeRig, PROCESSES, SERVER, until, untilLogged } from './rig.ts';
import { stopSuite } from './suite/stop.ts';

const SLEEPER = "setInterval(() => {}, 1000); console.log('child up');";

stopSuite(PROCESSES);

const DAEMONS: Record<string, Record<string, string>> = {
  'a child in the group': { 'app.cjs': `require('node:child_process').spawn('node', ['child.cjs'], { stdio: 'inherit' });${SERVER}` },
  'a child in a session of its own': {
    'app.cjs': `require('node:child_process').spawn('node', ['child.cjs'], { stdio: 'inherit', detached: true }).unref();${SERVER}`,
  },
  'a daemon that forked twice': {
    'app.cjs': `require('node:child_process').spawn('sh', ['-c', 'setsid sh -c "node child.cjs & exit" & exit'], { stdio: 'inherit' });${SERVER}`,
  },
  'a detached child without its environment': {
    'app.cjs': `require('node:child_process').spawn('/usr/bin/env', ['-i', process.execPath, 'child.cjs'], { stdio: 'inherit', detached: true }).unref();${SERVER}`,
  },
  'an orphan in the group without its environment': {
    'app.cjs': `require('node:child_process').spawn('env', ['-i', process.execPath, 'start.cjs'], { stdio: 'inherit' });${SERVER}`,
    'start.cjs': "require('node:child_process').spawn(process.execPath, ['child.cjs'], { stdio: 'inherit' }); process.exit();",
  },
  'an orphan without its environment in the session of a daemon': {
    'app.cjs': `require('node:child_process').spawn('setsid', ['sh', '-c', 'env -i ' + process.execPath + ' start.cjs; sleep 1000'], { stdio: 'inherit' });${SERVER}`,
    'start.cjs': "require('node:child_process').spawn(process.execPath, ['child.cjs'], { stdio: 'inherit' }); process.exit();",
  },
};
for (const [what, files] of Object.entries(DAEMONS)) {
  test(`a stop ends ${what}`, async (t) => {
    const rig = makeRig(t, {
      files: {
        ...files,
        'child.cjs': `console.log('child up', process.pid); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`,
      },
    });
    const instance = await rig.boot();
    await untilLogged(rig, instance, 'listening');
    await untilLogged(rig, instance, 'child up');
    const line = (await rig.instances.tail(instance.instance, 40)).find((text) => text.startsWith('child up')) ?? '';
    const child = Number(line.split(' ')[2]);
    assert.ok(isAlive(child));
    t.after(() => isAlive(child) && process.kill(child, 'SIGKILL'));
    await rig.instances.stop(instance.instance, 300);
    assert.ok(!isAlive(child), 'the child runs on');
    assert.deepEqual(carriers(rig.layout), []);
  });
}

test('a daemon that cut every tie after it was seen is ended too', async (t) => {
  // The daemon's parent lives for half a second, which is when it is seen; then it has neither group, parent, session nor environment.
  const script = `const { spawn } = require('node:child_process');
    spawn('/usr/bin/env', ['-i', 'PATH=' + process.env.PATH, 'sh', '-c', 'setsid node child.cjs & sleep 0.5; exit 0'], { stdio: 'inherit', detached: true }).on('exit', () => console.log('orphaned'));${SERVER}`;
  const rig = makeRig(t, {
    files: { 'app.cjs': script, 'child.cjs': `console.log('child up', process.pid); setInterval(() => {}, 1000);` },
  });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'orphaned');
  const line = (await rig.instances.tail(instance.instance, 40)).find((text) => text.startsWith('child up')) ?? '';
  const child = Number(line.split(' ')[2]);
  assert.ok(isAlive(child));
  t.after(() => isAlive(child) && process.kill(child, 'SIGKILL'));
  await rig.instances.stop(instance.instance, 2_000);
  assert.ok(!isAlive(child), 'the daemon runs on');
});

test('a wrapper that exits at SIGTERM does not cut the app behind it short', async (t) => {
  // Like `npm start`: the wrapper dies at once, the app drains.
  const rig = makeRig(t, {
    files: { 'app.cjs': DRAINS, 'start.sh': '#!/bin/sh\nnode app.cjs\n' },
    contract: { start_command: './start.sh' },
  });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'listening');
  assert.equal((await rig.instances.stop(instance.instance, 5_000)).signal, 'SIGTERM');
  assert.ok((await rig.instances.tail(instance.instance, 5)).includes('drained'));
  assert.deepEqual(carriers(rig.layout, instance.instance), []);
});

test('when the leader exits by itself the rest of its family is ended', async (t) => {
  const files = {
    'child.cjs': `process.on('SIGTERM', () => {});${SLEEPER}`,
    'start.sh': '#!/bin/sh\nnode child.cjs &\nsetsid node child.cjs &\nsleep 0.3\nexit 4\n',
  };
  const rig = makeRig(t, { files, contract: { start_command: './start.sh', drain_timeout_ms: 300 } });
  const instance = await rig.boot();
  await until('the exit is told', () => rig.exits.length > 0);
  assert.equal(rig.exits[0]?.exit.code, 4);
  assert.equal((await rig.instances.stop(instance.instance, 5_000)).code, 4);
  assert.deepEqual(carriers(rig.layout), []);
});

test('an orphan in the group of a leader that exited by itself is ended, whatever its environment', async (t) => {
  const files = { 'start.sh': '#!/bin/sh\nenv -i sh -c "sleep 1000 &"\nexit 4\n' };
  const rig = makeRig(t, { files, contract: { start_command: './start.sh' } });
  const instance = await rig.boot();
  await until('the exit is told', () => rig.exits.length > 0);
  await rig.instances.stop(instance.instance, 0);
  const group = [...processTable().values()].filter((stat) => isRunning(stat) && stat.group === instance.pid);
  for (const { pid } of group) process.kill(pid, 'SIGKILL');
  assert.deepEqual(group, []);
});

function isAlive(pid: number): boolean {
  assert.ok(pid > 0);
  return isRunning(readStat(pid));
}

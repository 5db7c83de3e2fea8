import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { claimPort } from '../../src/orchestrator/adapters/instances/fresh-ports.ts';
import { readStat } from '../../src/proc.ts';
import { APP, COMMIT, makeRig, newId, SERVER, until, untilLogged } from './rig.ts';

const PRINT_ENVIRONMENT = `console.log(JSON.stringify(process.env)); console.log(process.cwd()); ${SERVER}`;

test('an instance gets exactly the environment of the contract', async (t) => {
  const env = {
    PATH: process.env['PATH'],
    HOME: '/home/x',
    LC_TIME: 'C',
    TZ: 'UTC',
    NODE_ENV: 'production',
    GITHUB_TOKEN: 'no',
    GREENROOM_HOME: '/no',
    KEY: 'k1',
  };
  const rig = makeRig(t, {
    files: { 'app.cjs': PRINT_ENVIRONMENT, 'node_modules/.bin/tool': '#!/bin/sh\n', '.venv/bin/python': '#!/bin/sh\n' },
    contract: {
      env: { GREETING: 'hello', TZ: 'CET' },
      secrets_inject: ['KEY', 'TOKEN', 'NOWHERE'],
    },
    env,
  });
  writeFileSync(rig.layout.secrets, "TOKEN='from # file'\nUNLISTED=no\n", { mode: 0o600 });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'listening');
  const [first = '', directory] = readFileSync(instance.logFile, 'utf8').split('\n');
  const { PATH, ...rest } = JSON.parse(first);
  assert.deepEqual(rest, {
    HOME: '/home/x',
    LC_TIME: 'C',
    TZ: 'CET',
    NODE_ENV: 'production',
    GREETING: 'hello',
    KEY: 'k1',
    TOKEN: 'from # file',
    GREENROOM: '1',
    GREENROOM_APP: APP,
    GREENROOM_SLOT: 'a',
    GREENROOM_COMMIT: COMMIT,
    GREENROOM_INSTANCE: instance.instance,
    GREENROOM_CONTRACT: rig.layout.contractCopy,
    PORT: String(instance.port),
  });
  const slot = rig.layout.slot('a');
  assert.ok(PATH.startsWith(`${slot}/node_modules/.bin:${slot}/.venv/bin:`));
  assert.ok(PATH.split(':').includes(dirname(process.execPath)));
  assert.equal(directory, slot);
  assert.match(rig.messages.join('\n'), /without NOWHERE/);
  assert.equal(statSync(instance.logFile).mode & 0o077, 0);
});

test('an app with an internal listener gets a second fresh port', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': PRINT_ENVIRONMENT }, contract: { internal_port: 3901 } });
  const instance = await rig.boot();
  await untilLogged(rig, instance, 'listening');
  const [first = ''] = readFileSync(instance.logFile, 'utf8').split('\n');
  assert.equal(JSON.parse(first).INTERNAL_PORT, String(instance.internalPort));
  assert.notEqual(instance.internalPort, instance.port);
});

test('an instance leads a session of its own and is recorded before the answer', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': SERVER } });
  const instance = await rig.boot();
  const stat = readStat(instance.pid);
  assert.deepEqual([stat?.session, stat?.group, stat?.startTicks], [instance.pid, instance.pid, instance.startTicks]);
  const record = JSON.parse(readFileSync(join(rig.layout.instances, `${instance.instance}.json`), 'utf8'));
  assert.deepEqual(record, instance);
  assert.deepEqual(rig.instances.get(instance.instance), instance);
  assert.deepEqual(rig.instances.all(), [instance]);
});

test('a start command that does not exist is a failure that names it, and leaves nothing', async (t) => {
  const rig = makeRig(t, { contract: { start_command: 'no-such-program --now' } });
  const booted = await rig.instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
  assert.ok(!booted.ok);
  assert.equal(booted.failure.code, 'boot_exited');
  assert.match(booted.failure.error, /"no-such-program" was not found/);
  assert.deepEqual(rig.instances.all(), []);
  const other = await rig.instances.boot({ instance: newId(), slot: 'b', commit: COMMIT });
  assert.match(other.ok ? '' : other.failure.error, /deploy-b does not exist/);
});

test('a secrets file that others can read stops the boot with what to do', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': SERVER }, contract: { secrets_inject: ['KEY'] } });
  writeFileSync(rig.layout.secrets, 'KEY=v\n', { mode: 0o644 });
  const booted = await rig.instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
  assert.match(booted.ok ? '' : booted.failure.error, /mode 0644.*chmod 600/);
});

test('an exit is told once, with its reason and the last output', async (t) => {
  const rig = makeRig(t, {
    files: { 'app.cjs': "console.log('\\u001b[31mred\\u001b[0m'); console.error('no database'); process.exit(3);" },
  });
  const instance = await rig.boot();
  await until('the exit is told', () => rig.exits.length > 0);
  const exit = { code: 3, signal: null, description: 'exited with code 3' };
  assert.deepEqual(rig.exits, [
    { instance: instance.instance, exit, logTail: ['red', 'no database'], logFile: instance.logFile, outlived: [] },
  ]);
  assert.equal(rig.instances.get(instance.instance), undefined);
  assert.deepEqual(await rig.instances.stop(instance.instance, 1_000), exit);
  assert.equal(rig.exits.length, 1);
});

test('two instances at once have ports and ends of their own', async (t) => {
  const rig = makeRig(t, { files: { 'app.cjs': SERVER }, contract: { internal_port: 3901 } });
  const [one, other] = await Promise.all([rig.boot(), rig.boot()]);
  assert.equal(new Set([one.port, one.internalPort, other.port, other.internalPort]).size, 4);
  await Promise.all([untilLogged(rig, one, 'listening'), untilLogged(rig, other, 'listening')]);
  const exit = await rig.instances.stop(one.instance, 2_000);
  assert.equal(exit.description, 'ended by SIGTERM');
  assert.equal((await fetch(`http://127.0.0.1:${other.port}/`)).status, 200);
});

test('a port that somebody listens on is not handed out', async () => {
  const FIRST = 20_000;
  const LAST = 32_767;
  const server = createServer().listen({ port: 31_337, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const reserved = new Set(Array.from({ length: LAST - FIRST + 1 }, (_, index) => FIRST + index).filter((port) => port !== 31_337));
    await assert.rejects(claimPort(reserved), /no port .* is free/);
  } finally {
    server.close();
  }
});

test('a claimed port is not handed out before it is released', async () => {
  const all = Array.from({ length: 32_767 - 20_000 + 1 }, (_, index) => 20_000 + index);
  const first = await claimPort([]);
  const others = all.filter((port) => port !== first.port);
  await assert.rejects(claimPort(others), /no port .* is free/);
  first.release();
  const again = await claimPort(others);
  assert.equal(again.port, first.port);
  again.release();
});

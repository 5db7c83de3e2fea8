import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { APP, COMMIT, makeRig, newId, SERVER, type Tested, until, untilLogged } from '../rig.ts';

const PRINT_ENVIRONMENT = `console.log(JSON.stringify(process.env)); console.log(process.cwd()); ${SERVER}`;

/** What an instance is given, and how its end is told. */
export function bootSuite(tested: Tested): void {
  test(`${tested.name}: an instance gets exactly the environment of the contract`, async (t) => {
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
      tested,
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
    for (const name of tested.added) delete rest[name];
    assert.deepEqual(rest, {
      HOME: tested.home ?? '/home/x',
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
    assert.equal(directory, slot);
    assert.match(rig.messages.join('\n'), /without NOWHERE/);
    assert.equal(statSync(instance.logFile).mode & 0o077, 0);
  });

  test(`${tested.name}: an app with an internal listener gets a second fresh port`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': PRINT_ENVIRONMENT }, contract: { internal_port: 3901 } });
    const instance = await rig.boot();
    await untilLogged(rig, instance, 'listening');
    const [first = ''] = readFileSync(instance.logFile, 'utf8').split('\n');
    assert.equal(JSON.parse(first).INTERNAL_PORT, String(instance.internalPort));
    assert.notEqual(instance.internalPort, instance.port);
  });

  test(`${tested.name}: a secrets file that others can read stops the boot with what to do`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': SERVER }, contract: { secrets_inject: ['KEY'] } });
    writeFileSync(rig.layout.secrets, 'KEY=v\n', { mode: 0o644 });
    const booted = await rig.instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
    assert.match(booted.ok ? '' : booted.failure.error, /mode 0644.*chmod 600/);
  });

  test(`${tested.name}: an exit is told once, with its reason and the last output`, async (t) => {
    const rig = makeRig(t, {
      tested,
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

  test(`${tested.name}: two instances at once have ports and ends of their own`, async (t) => {
    const rig = makeRig(t, { tested, files: { 'app.cjs': SERVER }, contract: { internal_port: 3901 } });
    const [one, other] = await Promise.all([rig.boot(), rig.boot()]);
    assert.equal(new Set([one.port, one.internalPort, other.port, other.internalPort]).size, 4);
    await Promise.all([untilLogged(rig, one, 'listening'), untilLogged(rig, other, 'listening')]);
    const exit = await rig.instances.stop(one.instance, 2_000);
    assert.equal(exit.description, 'ended by SIGTERM');
    assert.equal((await fetch(`http://127.0.0.1:${other.port}/`)).status, 200);
  });
}

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tryAgent } from '../../../src/agent/examine.ts';
import { PRESETS } from '../../../src/agent/launch/presets.ts';
import { findAgent } from '../../../src/agent/launch.ts';
import { createWorld, FAKE, fakeProgram, SETTINGS } from './rig.ts';

test('doctor tells an agent that works from one that is not logged in, dies, or says nothing, and leaves no process', async (t) => {
  const world = createWorld(t);
  const folder = join(world.memory, 'try');
  await mkdir(folder);
  const attempt = (fault: string) =>
    tryAgent({
      agent: fakeProgram(),
      settings: { env: { FAKE_STATE: world.memory, FAKE_FAULT: fault } },
      secrets: { KEY: 'hunter2-secret' },
      env: process.env,
      folder,
      timeoutMs: fault === 'silent' ? 1_000 : 15_000,
    });
  const [well, auth, exit, silent] = await Promise.all(['', 'auth', 'exit', 'silent'].map(attempt));
  assert.deepEqual(well, { version: '1.2.3', ok: true });
  assert.deepEqual(auth, { version: '1.2.3', ok: false, problem: 'not logged in', remedy: 'Run "fake login".' });
  assert.ok(exit && !exit.ok && /exited with code 3|closed/.test(exit.problem));
  assert.match(exit.remedy, /cannot find my configuration, key is \[hidden\]/);
  assert.ok(silent && !silent.ok && /did not answer initialize within 1 s/.test(silent.problem));
});

test('an agent is found by command, by preset, or by what is installed', async () => {
  const env = { PATH: `${join(process.execPath, '..')}:/usr/bin:/bin` };
  const settings = { ...SETTINGS, command: `node ${FAKE}` };
  const byCommand = await findAgent({ settings, command: { file: 'node', args: [FAKE] }, env });
  assert.ok(byCommand.ok && byCommand.agent.file === process.execPath && byCommand.agent.id === settings.command);
  const relative = await findAgent({ settings, command: { file: './agent', args: [] }, env });
  assert.ok(!relative.ok && /by its full path/.test(relative.problem));
  const none = await findAgent({ settings: { ...SETTINGS, command: '', preset: 'goose' }, command: null, env: { PATH: '/nowhere' } });
  assert.ok(!none.ok && none.problem.startsWith('goose was not found'));
  for (const preset of Object.values(PRESETS)) assert.ok(preset.install.length > 0 && preset.login.length > 0);
});

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSecrets, SecretsError } from '../../src/orchestrator/adapters/secrets.ts';
import { contractOf } from '../git/fixture.ts';
import { makeRig, until } from './rig.ts';

test('secrets come from the file, then from the environment, and only those asked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-secrets-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'secrets.env');
  const secrets = createSecrets({
    layout: { secrets: file },
    contract: contractOf(),
    env: { A: 'environment', B: 'environment', C: 'environment' },
  });
  assert.deepEqual(await secrets.read(['A', 'constructor']), { values: { A: 'environment' }, missing: ['constructor'] });
  writeFileSync(file, '# comment\nexport A=file\nD="x # y"\nEMPTY=\n', { mode: 0o600 });
  assert.deepEqual(await secrets.read(['A', 'B', 'D', 'EMPTY', 'X']), {
    values: { A: 'file', B: 'environment', D: 'x # y', EMPTY: '' },
    missing: ['X'],
  });
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(file, mode);
    await assert.rejects(secrets.read(['A']), (error) => error instanceof SecretsError && error.message.includes(`chmod 600 '${file}'`));
  }
  assert.deepEqual(await secrets.read([]), { values: {}, missing: [] });
});

test('what an instance said of its secrets is overwritten before the next one is given others', async (t) => {
  const app = `console.log('given ' + process.env.API_KEY); setInterval(() => {}, 1000);`;
  const rig = makeRig(t, { files: { 'app.cjs': app }, contract: { secrets_inject: ['API_KEY'] } });
  const give = (value: string): void => writeFileSync(rig.layout.secrets, `API_KEY=${value}\n`, { mode: 0o600 });
  give('first-planted-value');
  const { logFile } = await rig.boot();
  const said = (): string => readFileSync(logFile, 'utf8');
  await until('its output', () => said().endsWith('\n'));
  // Said anew, a moment before the values change.
  writeFileSync(logFile, 'again first-planted-value\n', { flag: 'a' });
  give('second-planted-value');
  await rig.boot();
  assert.equal(said(), `given ${'*'.repeat(19)}\nagain ${'*'.repeat(19)}\n`);
});

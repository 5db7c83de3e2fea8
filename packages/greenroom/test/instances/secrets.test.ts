import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSecrets, SecretsError } from '../../src/orchestrator/adapters/secrets.ts';
import { contractOf } from '../git/fixture.ts';

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

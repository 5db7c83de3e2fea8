import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createSecrets, SecretsError } from '../../src/orchestrator/adapters/secrets.ts';
import type { Secrets } from '../../src/orchestrator/ports.ts';
import { contractOf } from '../git/fixture.ts';
import { openVault, VAULT_ACCESS } from './vault-stand-in.ts';

const VALUE = 'planted-value-9f3b';

test('providers are asked in order, each for what is still unknown', async (t) => {
  const { folder, file } = rig(t);
  const first = file('first.env', 'A=first\n');
  const credentials = join(folder, 'credentials');
  mkdirSync(credentials);
  writeFileSync(join(credentials, 'B'), 'from systemd\n', { mode: 0o600 });
  const asked = join(folder, 'asked');
  const secrets = open(
    [
      { provider: 'env_file', path: first },
      { provider: 'systemd' },
      { provider: 'command', command: `printf %s "$GREENROOM_SECRETS" > ${asked}; printf '{"A": "late", "C": 3}'` },
      { provider: 'environment' },
    ],
    { CREDENTIALS_DIRECTORY: credentials, D: 'environment', PATH: process.env['PATH'] ?? '' },
  );
  assert.deepEqual(await secrets.read(['A', 'B', 'C', 'D', 'E']), {
    values: { A: 'first', B: 'from systemd', C: '3', D: 'environment' },
    missing: ['E'],
  });
  assert.equal(execFileSync('cat', [asked], { encoding: 'utf8' }), 'C D E');
});

test('age and SOPS decrypt to environment lines or JSON', async (t) => {
  const { folder, file } = rig(t);
  const identity = join(folder, 'identity');
  execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' });
  const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
  const plain = file('plain.env', `A=${VALUE}\n`);
  const encrypted = join(folder, 'secrets.age');
  execFileSync('age', ['--recipient', recipient, '--output', encrypted, plain]);
  const secrets = open([{ provider: 'age', file: encrypted, identity }]);
  assert.deepEqual(await secrets.read(['A']), { values: { A: VALUE }, missing: [] });

  // Debian has no SOPS: this stands for it, and takes no other arguments than SOPS is documented to take.
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const script = `#!/bin/sh\n[ "$*" = "--decrypt --output-type json ${plain}" ] || exit 64\nprintf '{"A": "${VALUE}", "nested": {"no": 1}}'\n`;
  writeFileSync(join(bin, 'sops'), script, { mode: 0o755 });
  const sops = open([{ provider: 'sops', file: plain }], { PATH: `${bin}:${process.env['PATH']}` });
  assert.deepEqual(await sops.read(['A', 'nested']), { values: { A: VALUE }, missing: ['nested'] });
});

test('Vault is asked as its API describes, with a token or by AppRole, in both versions of the engine', async (t) => {
  const { file } = rig(t);
  const vault = await openVault({ A: VALUE });
  t.after(() => vault.close());
  const { namespace, token, role_id, secret_id } = VAULT_ACCESS;
  const at = { provider: 'vault', address: vault.address, namespace };
  const token_file = file('token', `${token}\n`);
  const byToken = open([{ ...at, token_file, mount: 'kv', path: 'shop', version: 1 }]);
  assert.deepEqual(await byToken.read(['A']), { values: { A: VALUE }, missing: [] });
  const role = { role_id_file: file('role', role_id), secret_id_file: file('secret', secret_id) };
  const byRole = open([{ ...at, ...role, path: 'shop/live' }]);
  assert.deepEqual(await byRole.read(['A']), { values: { A: VALUE }, missing: [] });
  assert.deepEqual(vault.calls, [
    'GET /v1/kv/shop',
    'POST /v1/auth/approle/login',
    'GET /v1/secret/data/shop/live',
    'POST /v1/auth/token/revoke-self',
  ]);
  vault.refuse(503);
  await refuses(byRole, /^Vault at http.* answered 503 .*unseal it/);
  vault.refuse(0);
  await refuses(open([{ ...at, token_file, path: 'elsewhere' }]), /answered 404 .*Look at "mount"/);
  await refuses(open([{ ...at, token_file: file('bad-token', VALUE), path: 'shop/live' }]), /answered 403 .*not valid/);
});

test('a provider that fails says which it is and what to do, and never what it printed', async (t) => {
  const { folder, file } = rig(t);
  await refuses(
    open([{ provider: 'command', command: `echo A=${VALUE}; echo ${VALUE} >&2; exit 3` }]),
    /^The secrets command exited with code 3/,
  );
  await refuses(open([{ provider: 'command', command: `echo '{"A": "${VALUE}"'` }]), /begins like JSON and is none/);
  await refuses(open([{ provider: 'env_file', path: join(folder, 'none.env') }]), /cannot be read/);
  await refuses(open([{ provider: 'systemd' }]), /CREDENTIALS_DIRECTORY is not set\. Add LoadCredential=/);
  await refuses(open([{ provider: 'sops', file: file('plain', VALUE) }], { PATH: folder }), /sops is not installed/);
  await refuses(
    open([{ provider: 'vault', address: 'http://127.0.0.1:1', path: 'shop', token_file: file('token', VALUE) }]),
    /does not answer/,
  );
  const began = performance.now();
  await refuses(open([{ provider: 'command', command: 'sleep 60 & sleep 60' }], process.env, 300), /did not answer within 300 ms/);
  assert.ok(performance.now() - began < 10_000);
});

async function refuses(secrets: Secrets, says: RegExp): Promise<void> {
  await assert.rejects(secrets.read(['A']), (error) => {
    assert.ok(error instanceof SecretsError, String(error));
    assert.match(error.message, says);
    assert.ok(!error.message.includes(VALUE), error.message);
    return true;
  });
}

function open(providers: object[], env: NodeJS.ProcessEnv = process.env, timeout_ms = 10_000): Secrets {
  return createSecrets({
    layout: { secrets: '/nonexistent/secrets.env' },
    contract: contractOf({ secrets: { providers, timeout_ms } }),
    env,
  });
}

function rig(t: TestContext): { folder: string; file(name: string, text: string): string } {
  const folder = mkdtempSync(join(tmpdir(), 'providers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    file(name, text) {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    },
  };
}

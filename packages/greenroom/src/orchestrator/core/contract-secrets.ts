/** Where the contract says that secrets come from. Never a value: app and agent can read the contract. */
import { z } from 'zod';
import { command, list, milliseconds, text } from './contract-parts.ts';
import { ABSOLUTE_PATH } from './contract-patterns.ts';

export const DEFAULT_SECRETS_TIMEOUT_MS = 10_000;

const path = (what: string) => text(ABSOLUTE_PATH, `the absolute path of ${what}`);
const name = (what: string) => text(/^[\w.-]+(?:\/[\w.-]+)*$/u, `${what}: words of letters, digits, "_", "-" and ".", separated by "/"`);

const envFile = z.object({
  provider: z.literal('env_file'),
  path: path('a file of NAME=value lines, outside the repository').optional().describe('Left out: `secrets.env` in the data directory.'),
});

const environment = z.object({ provider: z.literal('environment') });

const systemd = z.object({ provider: z.literal('systemd') });

const program = z.object({
  provider: z.literal('command'),
  command: command('a command line for /bin/sh that prints the secrets').describe('Prints `NAME=value` lines, or one JSON object.'),
});

const sops = z.object({ provider: z.literal('sops'), file: path('a file that SOPS has encrypted') });

const age = z.object({
  provider: z.literal('age'),
  file: path('a file of NAME=value lines or JSON that age has encrypted'),
  identity: path('the file with the identity (private key)'),
});

const vault = z.object({
  provider: z.literal('vault'),
  address: z
    .url({ protocol: /^https?$/, error: 'the http:// or https:// URL of a Vault or OpenBao server' })
    .describe('The server, without `/v1`.'),
  mount: name('the mount of the engine').default('secret').describe('Where the KV engine is mounted.'),
  path: name('the path of the secret').describe('The secret whose keys are the names.'),
  version: z
    .union([z.literal(1), z.literal(2)], { error: '1 or 2' })
    .default(2)
    .describe('Version of the KV engine.'),
  namespace: name('the namespace').optional(),
  ca_file: path("a PEM file with the certificate of the server's authority").optional(),
  token_file: path('a file with a token').optional().describe('Or `role_id_file` and `secret_id_file`.'),
  role_id_file: path('a file with the role id of AppRole').optional(),
  secret_id_file: path('a file with the secret id of AppRole').optional(),
  auth_mount: name('the mount of AppRole').default('approle').describe('Where AppRole is mounted.'),
});

const provider = z.discriminatedUnion('provider', [envFile, environment, systemd, program, sops, age, vault], {
  error:
    'an object whose "provider" is one of "env_file", "environment", "systemd", "command", "sops", "age", "vault", with its own fields',
});

export type SecretProviderSettings = z.output<typeof provider>;

export const secretsSettings = z
  .object(
    {
      providers: list(provider, 'a list of providers, such as [{ "provider": "systemd" }]')
        .min(1, { error: 'at least one provider' })
        .default([{ provider: 'env_file' }, { provider: 'environment' }])
        .describe('Asked in this order, each for the names that those before it did not know. See docs/guides/secrets.md.'),
      timeout_ms: milliseconds(1).default(DEFAULT_SECRETS_TIMEOUT_MS).describe('How long one provider may take before it counts as down.'),
    },
    { error: 'an object with "providers"' },
  )
  .prefault({});

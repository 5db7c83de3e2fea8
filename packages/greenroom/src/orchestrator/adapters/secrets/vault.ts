/** HashiCorp Vault and OpenBao over their HTTP API: the KV engine, version 1 or 2, with a token or by AppRole. */
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { SecretProviderSettings } from '../../core/contract-secrets.ts';
import { SecretsError } from './error.ts';
import { readPrivateFile } from './local.ts';
import { secretsOf } from './programs.ts';
import type { SecretProvider } from './provider.ts';

type VaultSettings = Extract<SecretProviderSettings, { provider: 'vault' }>;

interface Call {
  method: 'GET' | 'POST';
  path: string;
  token?: string;
  body?: object;
}

const HINTS: Record<number, string> = {
  400: 'Look at role id and secret id',
  403: 'The token is not valid, or its policy does not allow to read this path',
  404: 'Look at "mount", "path" and "version"',
  503: 'It is sealed or under maintenance: unseal it',
};

export function vaultProvider(settings: VaultSettings): SecretProvider {
  const { address, mount, path, version } = settings;
  const name = `Vault at ${address}`;

  return {
    name,
    async read(_names, signal) {
      const ca = settings.ca_file === undefined ? undefined : await readCertificate(settings.ca_file);
      const call = (request: Call): Promise<unknown> => ask(settings, name, request, ca, signal);
      const { token, temporary } = await tokenOf(settings, name, call);
      try {
        const answer = await call({ method: 'GET', path: `${mount}${version === 2 ? '/data' : ''}/${path}`, token });
        const data = member(answer, 'data');
        return secretsOf(version === 2 ? member(data, 'data') : data);
      } finally {
        // A token of our own is given back at once. It ends by itself too, so that it matters to nobody when this fails.
        if (temporary) await call({ method: 'POST', path: 'auth/token/revoke-self', token }).catch(() => undefined);
      }
    },
  };
}

async function tokenOf(
  settings: VaultSettings,
  name: string,
  call: (request: Call) => Promise<unknown>,
): Promise<{ token: string; temporary: boolean }> {
  const { token_file, role_id_file, secret_id_file, auth_mount } = settings;
  if (token_file !== undefined) return { token: (await readPrivateFile(token_file, 'The token file of Vault')).trim(), temporary: false };
  if (role_id_file === undefined || secret_id_file === undefined)
    throw new SecretsError(`${name} cannot be asked without token_file, or role_id_file and secret_id_file.`);
  const body = {
    role_id: (await readPrivateFile(role_id_file, 'The role id file of Vault')).trim(),
    secret_id: (await readPrivateFile(secret_id_file, 'The secret id file of Vault')).trim(),
  };
  const token = member(member(await call({ method: 'POST', path: `auth/${auth_mount}/login`, body }), 'auth'), 'client_token');
  if (typeof token !== 'string') throw new SecretsError(`${name} answered a login by AppRole without a token.`);
  return { token, temporary: true };
}

async function ask(
  { address, namespace }: VaultSettings,
  name: string,
  { method, path, token, body }: Call,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<unknown> {
  const url = new URL(`${address.replace(/\/+$/, '')}/v1/${path}`);
  const headers = {
    accept: 'application/json',
    'x-vault-request': 'true',
    ...(token === undefined ? {} : { 'x-vault-token': token }),
    ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const { status, content } = await exchange(url, { method, headers, ca, signal, body: body && JSON.stringify(body) }).catch(
    (error: Error) => {
      signal.throwIfAborted();
      throw new SecretsError(`${name} does not answer: ${error.message}.`, { cause: error });
    },
  );
  if (status === 204) return null;
  if (status !== 200)
    throw new SecretsError(`${name} answered ${status} to ${method} /v1/${path}. ${HINTS[status] ?? 'Its own log says why'}.`);
  try {
    return JSON.parse(content);
  } catch {
    throw new SecretsError(`${name} answered ${method} /v1/${path} with what is no JSON.`);
  }
}

function exchange(
  url: URL,
  {
    method,
    headers,
    ca,
    signal,
    body,
  }: { method: string; headers: Record<string, string>; ca: string | undefined; signal: AbortSignal; body: string | undefined },
): Promise<{ status: number; content: string }> {
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, agent: false, ...(ca === undefined ? {} : { ca }) }, (answer) => {
      text(answer).then((content) => resolve({ status: answer.statusCode ?? 0, content }), reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

async function readCertificate(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: Error) => {
    throw new SecretsError(`The certificate of Vault's authority (ca_file) cannot be read: ${error.message}`, { cause: error });
  });
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Providers on this machine that need no program: a file, the environment, systemd's credentials. */
import { open, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { parseEnv } from 'node:util';
import { SecretsError } from './error.ts';
import type { SecretProvider } from './provider.ts';

const READABLE_BY_OTHERS = 0o077;

/** A file of `NAME=value` lines that only its owner can read. One that is not `required` may be missing. */
export function envFileProvider(path: string, { required }: { required: boolean }): SecretProvider {
  const name = `The secrets file ${path}`;
  return { name, read: async () => parseEnv(await readPrivateFile(path, name, required ? undefined : '')) };
}

export function environmentProvider(env: NodeJS.ProcessEnv): SecretProvider {
  return { name: 'The environment', read: async () => env };
}

/** One file a secret, made by `LoadCredential=`, `LoadCredentialEncrypted=` or `SetCredential=` of the unit. One line end at its end is no part of it. */
export function systemdProvider(env: NodeJS.ProcessEnv): SecretProvider {
  const folder = env['CREDENTIALS_DIRECTORY'] ?? '';
  return {
    name: "systemd's credentials",
    async read(names) {
      if (!isAbsolute(folder))
        throw new SecretsError(
          "systemd's credentials are not there: CREDENTIALS_DIRECTORY is not set. Add LoadCredential=NAME:FILE to the unit of this orchestrator, and restart it.",
        );
      const found: NodeJS.Dict<string> = {};
      for (const name of names) {
        const value = await readIfThere(join(folder, name), `The credential ${name} of systemd`);
        if (value !== undefined) found[name] = value.replace(/\r?\n$/, '');
      }
      return found;
    },
  };
}

/** A file whose owner alone can read it; `fallback` stands for one that is missing. */
export async function readPrivateFile(path: string, name: string, fallback?: string): Promise<string> {
  try {
    // Mode and content come from one open file, so that the file cannot be exchanged between the two looks.
    await using handle = await open(path, 'r');
    const { mode } = await handle.stat();
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      const message = `${name} has mode ${octal}: others than its owner can read or change it. Run: chmod 600 '${path}'`;
      throw new SecretsError(message, { unsafe: true });
    }
    return await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof SecretsError) throw error;
    if (fallback !== undefined && isMissing(error)) return fallback;
    throw unreadable(name, error);
  }
}

async function readIfThere(path: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(name, error);
  }
}

function unreadable(name: string, cause: unknown): SecretsError {
  return new SecretsError(`${name} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

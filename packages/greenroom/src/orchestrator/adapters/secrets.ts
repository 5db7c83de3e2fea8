import { open } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import type { Layout } from '../layout.ts';
import type { Secrets } from '../ports.ts';

/** The secrets could not be read safely. The message is a sentence for the operator, without any value. */
export class SecretsError extends Error {
  override name = 'SecretsError';
}

const READABLE_BY_OTHERS = 0o077;

/**
 * Secrets from the operator's `secrets.env`, then from the orchestrator's own environment; only the names asked for.
 * An empty value counts as known: it may be meant.
 */
export function createSecrets({ layout, env = process.env }: { layout: Pick<Layout, 'secrets'>; env?: NodeJS.ProcessEnv }): Secrets {
  return {
    async read(names) {
      const values: Record<string, string> = {};
      const missing: string[] = [];
      const file = names.length === 0 ? {} : await readSecretsFile(layout.secrets);
      for (const name of names) {
        const value = own(file, name) ?? own(env, name);
        if (value === undefined) missing.push(name);
        else values[name] = value;
      }
      return { values, missing };
    },
  };
}

function own(values: NodeJS.Dict<string>, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

async function readSecretsFile(path: string): Promise<NodeJS.Dict<string>> {
  try {
    // Mode and content come from one open file, so that the file cannot be exchanged between the two looks.
    await using handle = await open(path, 'r');
    const { mode } = await handle.stat();
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw new SecretsError(
        `The secrets file ${path} has mode ${octal}: others than its owner can read or change it. Run: chmod 600 '${path}'`,
      );
    }
    return parseEnv(await handle.readFile('utf8'));
  } catch (error) {
    if (error instanceof SecretsError) throw error;
    if (isErrno(error) && error.code === 'ENOENT') return {};
    throw new SecretsError(`The secrets file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

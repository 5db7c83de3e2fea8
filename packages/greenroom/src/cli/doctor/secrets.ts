import { readFile, stat } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { exists } from '../../registry/index.ts';
import type { Finding, Patient } from './examine.ts';

const READABLE_BY_OTHERS = 0o077;

/** Whether each name of `secrets_inject` has a value, without showing one. */
export async function checkSecrets({ contract, layout }: Patient, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const check = 'secrets';
  const file = layout.secrets;
  const there = await exists(file);
  if (there && ((await stat(file)).mode & READABLE_BY_OTHERS) !== 0) {
    return [{ check, level: 'fail', says: `${file} can be read by others`, remedy: `chmod 600 '${file}'` }];
  }
  if (contract.secrets_inject.length === 0) return [];
  const known = there ? parseEnv(await readFile(file, 'utf8')) : {};
  const missing = contract.secrets_inject.filter((name) => known[name] === undefined && env[name] === undefined);
  if (missing.length === 0) return [{ check, level: 'ok', says: contract.secrets_inject.join(', ') }];
  const remedy = `Add NAME=value lines to ${file} (mode 0600), or set them in the environment of "greenroom start".`;
  return [{ check, level: 'warn', says: `no value for ${missing.join(', ')}`, remedy }];
}

import { createSecrets, remedyFor, SecretsError } from '../../orchestrator/adapters/secrets.ts';
import type { Finding, Patient } from './examine.ts';

/** Whether each name of `secrets_inject` has a value, and whether the providers can be asked, without showing a value. */
export async function checkSecrets({ contract, layout }: Patient, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const check = 'secrets';
  const names = contract.secrets_inject;
  try {
    const { missing } = await createSecrets({ layout, contract, env }).read(names);
    if (names.length === 0) return [];
    if (missing.length === 0) return [{ check, level: 'ok', says: names.join(', ') }];
    return [{ check, level: 'warn', says: `no value for ${missing.join(', ')}`, remedy: remedyFor(contract, layout) }];
  } catch (error) {
    if (error instanceof SecretsError) return [{ check, level: 'fail', says: error.message, remedy: 'See docs/guides/secrets.md.' }];
    throw error;
  }
}

import { trySandbox } from '../../confine/sandbox/available.ts';
import type { Finding, Patient } from './examine.ts';

/** Whether the machine can make the sandbox that the contract wants for the agent. */
export async function checkSandbox({ contract }: Patient): Promise<Finding[]> {
  const check = 'sandbox';
  const wanted = contract.agent?.sandbox ?? 'off';
  if (wanted === 'off') return [];
  const available = await trySandbox();
  if (available.ok) return [{ check, level: 'ok', says: 'the agent works in one' }];
  const { lacks, remedy } = available;
  if (wanted === 'require') return [{ check, level: 'fail', says: `required by "agent.sandbox", and ${lacks}`, remedy }];
  return [{ check, level: 'warn', says: `the agent works without one: ${lacks}`, remedy }];
}

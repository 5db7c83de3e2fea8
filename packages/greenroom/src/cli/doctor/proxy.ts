import type { Finding, Patient } from './examine.ts';
import { checkEmbeddedProxy } from './network.ts';
import { checkNginx } from './nginx.ts';

/** The proxy that the contract names. What is wrong with Caddy the start says by itself. */
export async function checkProxy(patient: Patient): Promise<Finding[]> {
  const { kind } = patient.contract.router;
  if (kind === 'embedded') return await checkEmbeddedProxy(patient);
  return kind === 'nginx' ? await checkNginx(patient) : [];
}

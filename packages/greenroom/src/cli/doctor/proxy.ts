import { checkCaddy } from './caddy.ts';
import type { Finding, Patient } from './examine.ts';
import { checkEmbeddedProxy } from './network.ts';
import { checkNginx } from './nginx.ts';

/** The proxy that the contract names. */
export async function checkProxy(patient: Patient): Promise<Finding[]> {
  const { kind } = patient.contract.router;
  if (kind === 'embedded') return await checkEmbeddedProxy(patient);
  return kind === 'nginx' ? await checkNginx(patient) : await checkCaddy(patient);
}

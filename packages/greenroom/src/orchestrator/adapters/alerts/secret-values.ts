import { createMask, type Mask } from '../../core/mask.ts';
import type { Secrets } from '../../ports.ts';
import { type AlertContract, type Target, variablesOf } from './targets.ts';
import { decoded } from './text.ts';

export interface SecretValues {
  /** Values of the variables that targets name. */
  values: Record<string, string>;
  /** Hides everything secret that this app has: what instances get, and how targets are reached. */
  mask: Mask;
  /** Empty, or why the secrets could not be read; then nothing may be sent that could contain one. */
  problem: string;
}

/** Webhook addresses end in random text of at least this length; shorter parts of a path are words. */
const SHORTEST_SECRET_SEGMENT = 10;

/** Reads anew what is secret, because the operator may have changed it. Never rejects. */
export async function readSecretValues(contract: AlertContract, targets: readonly Target[], secrets: Secrets): Promise<SecretValues> {
  const plain = targets.flatMap(({ url }) => partsOf(url));
  try {
    const variables = variablesOf(targets);
    const { values } = await secrets.read([...new Set([...contract.secrets_inject, ...variables])]);
    const addresses = variables.flatMap((name) => partsOf(values[name] ?? ''));
    const kept = Object.fromEntries(variables.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
    return { values: kept, mask: createMask([...Object.values(values), ...plain, ...addresses]), problem: '' };
  } catch (error) {
    return { values: {}, mask: createMask(plain), problem: error instanceof Error ? error.message : String(error) };
  }
}

/** What of an address must not be shown: those parts of its path that work like a password, all of it then, and the password. */
function partsOf(address: string): string[] {
  const url = URL.parse(address.trim());
  if (!url) return [];
  const { href, pathname, password } = url;
  const segments = pathname.split('/').filter((it) => it.length >= SHORTEST_SECRET_SEGMENT);
  return [...(segments.length > 0 ? [address, href, pathname, ...segments] : []), ...(password ? [password, decoded(password)] : [])];
}

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Route } from '../../../core/contract-router.ts';
import type { Surroundings } from './config.ts';

/** What of this machine an app's configuration depends on. */
export async function surroundingsOf(configDir: string, routes: readonly Route[]): Promise<Surroundings> {
  return { configDir, ipv6: existsSync('/proc/net/if_inet6'), certificates: await fingerprint(routes) };
}

/** Of the certificates' contents. What cannot be read here nginx reads, or says what is wrong with it. */
async function fingerprint(routes: readonly Route[]): Promise<string> {
  const files = [...new Set(routes.flatMap(({ tls }) => (tls ? [tls.certificate, tls.key] : [])))];
  if (files.length === 0) return '';
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(file).catch((error: NodeJS.ErrnoException) => error.code ?? ''));
  return hash.digest('hex').slice(0, 16);
}

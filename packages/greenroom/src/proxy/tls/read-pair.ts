import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecureContext } from 'node:tls';
import type { ProxyTls } from '@greenroom/sdk/proxy';

const MIN_VERSION = 'TLSv1.2';

/** A certificate with its key, as they were in their files. */
export interface Pair {
  context: SecureContext;
  /** In milliseconds since 1970. */
  expires: number;
}

/** Reads the files. Answers a sentence, with the file in it, when they are no pair that can be served. */
export async function readPair({ certificate, key }: ProxyTls): Promise<{ ok: true; pair: Pair } | { ok: false; error: string }> {
  const [cert, secret] = await Promise.all([readPem(certificate), readPem(key)]);
  if (!Buffer.isBuffer(cert)) return { ok: false, error: `the certificate ${certificate} cannot be read: ${cert.message}` };
  if (!Buffer.isBuffer(secret)) return { ok: false, error: `the key ${key} cannot be read: ${secret.message}` };
  try {
    const expires = Date.parse(new X509Certificate(cert).validTo);
    // Loaded where it is wanted only: it takes time and memory.
    const tls = process.getBuiltinModule('node:tls');
    return { ok: true, pair: { expires, context: tls.createSecureContext({ cert, key: secret, minVersion: MIN_VERSION }) } };
  } catch (error) {
    // What OpenSSL says names neither file; it repeats nothing of them.
    return { ok: false, error: `the certificate ${certificate} and the key ${key} cannot be used together: ${(error as Error).message}` };
  }
}

function readPem(file: string): Promise<Buffer | Error> {
  return readFile(file).catch((error: Error) => error);
}

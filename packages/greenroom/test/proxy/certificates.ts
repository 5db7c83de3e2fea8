import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyTls } from '@greenroom/sdk/proxy';

export interface TestCertificate extends ProxyTls {
  /** PEM, for a client that trusts it. */
  ca: string;
}

/** A certificate of the test's own for these names, valid for so many days, in files named after the first. One that is there is replaced. */
export function writeCertificate(folder: string, names: string[], days = 90): TestCertificate {
  const [name = ''] = names;
  mkdirSync(folder, { recursive: true });
  const files: ProxyTls = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const fresh: ProxyTls = { certificate: `${files.certificate}.new`, key: `${files.key}.new` };
  const alternatives = names.map((each) => `DNS:${each}`).join();
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${alternatives}`, '-days', String(days)];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', fresh.key];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, '-out', fresh.certificate], { stdio: 'ignore' });
  renameSync(fresh.key, files.key);
  renameSync(fresh.certificate, files.certificate);
  return { ...files, ca: readFileSync(files.certificate, 'utf8') };
}

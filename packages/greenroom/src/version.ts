import { readFileSync } from 'node:fs';

/** Version of this package; `package.json` lies one folder above this file in the sources and in the published package alike. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return version;
}

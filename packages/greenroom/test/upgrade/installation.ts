import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '../../../..');

export interface Installation {
  /** Of the command line. */
  cli: string;
  /** Of the proxy. */
  proxy: string;
  version: string;
}

/** Another installation of the package in a folder of its own: the same program, as another version. */
export function install(folder: string, version: string): Installation {
  const own = join(REPOSITORY, 'packages', 'greenroom');
  const copy = join(folder, 'packages', 'greenroom');
  mkdirSync(copy, { recursive: true });
  cpSync(join(own, 'src'), join(copy, 'src'), { recursive: true });
  const { version: _, ...manifest } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as { version: string };
  writeFileSync(join(copy, 'package.json'), JSON.stringify({ ...manifest, version }));
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  return { cli: join(copy, 'src/cli/main.ts'), proxy: join(copy, 'src/proxy/main.ts'), version };
}

import type { AppFiles } from './app-files.ts';
import type { PackageJson } from './node.ts';

interface PackageManager {
  name: 'npm' | 'pnpm' | 'yarn' | 'bun';
  install: string;
  /** Files beside package.json that decide what is installed. */
  inputs: string[];
  /** There is no lock file. */
  unlocked: boolean;
}

/** Which package manager the app uses: by its lock file, else by `packageManager` of package.json, else npm. */
export async function nodePackageManager(files: AppFiles, manifest: PackageJson): Promise<PackageManager> {
  const present = (...names: string[]): string[] => names.filter((name) => files.has(name));
  const wanted = /^(npm|pnpm|yarn|bun)(?:@(\d+))?/.exec(manifest.packageManager);
  const locks = {
    pnpm: ['pnpm-lock.yaml'],
    yarn: ['yarn.lock'],
    bun: ['bun.lock', 'bun.lockb'],
    npm: ['package-lock.json', 'npm-shrinkwrap.json'],
  };
  const uses = (name: keyof typeof locks): boolean => (wanted === null ? present(...locks[name]).length > 0 : wanted[1] === name);
  if (uses('pnpm')) {
    const unlocked = !files.has('pnpm-lock.yaml');
    const install = unlocked ? 'pnpm install' : 'pnpm install --frozen-lockfile --prefer-offline';
    return { name: 'pnpm', install, inputs: present('pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc'), unlocked };
  }
  if (uses('yarn')) {
    const berry = Number(wanted?.[2] ?? 1) > 1 || files.has('.yarnrc.yml') || (await files.read('yarn.lock')).includes('__metadata:');
    const unlocked = !files.has('yarn.lock');
    const frozen = berry ? 'yarn install --immutable' : 'yarn install --frozen-lockfile --non-interactive';
    return { name: 'yarn', install: unlocked ? 'yarn install' : frozen, inputs: present('yarn.lock', '.yarnrc.yml', '.yarnrc'), unlocked };
  }
  if (uses('bun')) {
    const lock = present(...locks.bun);
    const install = lock.length === 0 ? 'bun install' : 'bun install --frozen-lockfile';
    return { name: 'bun', install, inputs: [...lock, ...present('bunfig.toml')], unlocked: lock.length === 0 };
  }
  const lock = present(...locks.npm);
  const install = lock.length === 0 ? 'npm install --no-audit --no-fund' : 'npm ci --prefer-offline --no-audit --no-fund';
  return { name: 'npm', install, inputs: [...lock, ...present('.npmrc')], unlocked: lock.length === 0 };
}

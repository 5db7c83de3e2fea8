import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { isSoftware } from './system.ts';

/** Folders in which everything lies: of a program there only the program itself is shown. */
const BROAD = [
  '/',
  '/etc',
  '/home',
  '/media',
  '/mnt',
  '/opt',
  '/root',
  '/run',
  '/srv',
  '/tmp',
  '/usr/local',
  '/var',
  '/var/lib',
  '/var/tmp',
];
/** What installers put beside a `bin`. */
const BESIDE_BIN = ['bin', 'lib', 'lib64', 'libexec', 'include'];
/** A folder with more than this is no folder of programs. */
const MOST_PROGRAMS = 5_000;

/**
 * Paths to be readable for programs to run: what they were installed with, where that is not the machine's own. `homes` are folders of which nothing is shown but
 * what is found to be of a program.
 */
export interface Programs {
  /** Of a program or script, by its path. */
  of(file: string): Promise<string[]>;
  /** Of all programs on a PATH. */
  on(path: string): Promise<string[]>;
}

export function findPrograms(homes: readonly string[]): Programs {
  const isBroad = (folder: string): boolean =>
    BROAD.includes(folder) || homes.some((home) => home === folder || home.startsWith(`${folder}/`));

  const packages = new Map<string, Promise<string[]>>();
  /** Once for each folder: many programs of a PATH are of one. */
  const withLinks = (modules: string): Promise<string[]> => {
    const found = packages.get(modules) ?? packagesIn(modules);
    packages.set(modules, found);
    return found;
  };

  async function of(file: string): Promise<string[]> {
    const real = await realpath(file).catch(() => undefined);
    if (real === undefined) return [];
    const paths = [file, real, ...(await installedWith(real))];
    return [...new Set(paths)].filter((path) => !isSoftware(path) && !isBroad(path));
  }

  async function installedWith(real: string): Promise<string[]> {
    const parts = real.split('/');
    const modules = parts.indexOf('node_modules');
    if (modules > 0) return await withLinks(parts.slice(0, modules + 1).join('/'));
    const folder = dirname(real);
    for (let at = folder; !isBroad(at); at = dirname(at)) {
      if (await isThere(join(at, 'package.json'))) return [at, ...(await modulesAbove(at))];
    }
    return basename(folder) === 'bin' ? BESIDE_BIN.map((name) => join(dirname(folder), name)) : [folder];
  }

  async function modulesAbove(folder: string): Promise<string[]> {
    const found: string[] = [];
    for (let at = folder; at !== '/'; at = dirname(at)) {
      const modules = join(at, 'node_modules');
      if (await isThere(modules)) found.push(...(await withLinks(modules)));
    }
    return found;
  }

  return {
    of,
    async on(path) {
      const folders = path.split(delimiter).filter((folder) => isAbsolute(folder) && !isSoftware(folder) && !isBroad(folder));
      const found = await Promise.all(
        folders.map(async (folder) => {
          const beside = basename(folder) === 'bin' ? BESIDE_BIN.map((name) => join(dirname(folder), name)) : [folder];
          const linked = await Promise.all((await linksOf(folder)).map(of));
          return [...beside, ...linked.flat()];
        }),
      );
      return [...new Set(found.flat())];
    },
  };
}

/** A folder of packages, and those that are linked into it from elsewhere, as npm's workspaces are. */
async function packagesIn(modules: string): Promise<string[]> {
  const scopes = (await readdir(modules, { withFileTypes: true }).catch(() => [])).filter((entry) => entry.name.startsWith('@'));
  const links = await Promise.all([modules, ...scopes.map(({ name }) => join(modules, name))].map(linksOf));
  const real = await Promise.all(links.flat().map((link) => realpath(link).catch(() => modules)));
  return [modules, ...real.filter((path) => !path.startsWith(`${modules}/`))];
}

async function linksOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.slice(0, MOST_PROGRAMS).flatMap((entry) => (entry.isSymbolicLink() ? [join(folder, entry.name)] : []));
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

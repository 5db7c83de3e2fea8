import type { AppFiles } from './app-files.ts';
import type { SourceLine } from './sources.ts';
import type { Unknown } from './types.ts';

const DATABASE = /\.(?:db|sqlite3?)$/;
const RELATIVE = /^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/;
const STORE_NAME = /(?:^|\/)(?:uploads?|media|storage|data|instance|var)\/$/;

/**
 * Databases in files and upload folders that all releases must share: those that git ignores become `paths`; the others are unknowns, as
 * only the author can say whether they belong to the code.
 */
export async function findSharedPaths(
  files: AppFiles,
  lines: readonly SourceLine[],
  isIgnored: (path: string) => boolean,
): Promise<{ paths: string[]; unknowns: Unknown[]; explanations: string[] }> {
  const paths = new Set<string>();
  const unknowns: Unknown[] = [];
  const explanations: string[] = [];
  for (const { path, where, partial = false } of [...(await stores(files)), ...databases(files, lines)]) {
    if (partial && [...paths].some((other) => other.endsWith('/'))) continue;
    const folder = folderOf(path);
    const shared = folder !== '' && isIgnored(folder) ? folder : path;
    if ([...paths].some((other) => other === shared || shared.startsWith(other))) continue;
    if (isIgnored(shared)) {
      paths.add(shared);
      explanations.push(`shared_paths: all releases share ${shared} (${where}).`);
      const kept = files.files.find((file) => /\.git(?:keep|ignore)$/.test(file) && shared.endsWith('/') && file.startsWith(shared));
      if (kept !== undefined) unknowns.push(trackedProblem(shared, kept));
    } else if (DATABASE.test(path) && !unknowns.some(({ text }) => text.includes(` ${path} `))) {
      unknowns.push(unsharedProblem(path, where, folder || path));
    }
  }
  return { paths: withoutNested([...paths]), unknowns, explanations };
}

interface Place {
  path: string;
  where: string;
  /** Only the name is known: the folder is in a variable, and is probably one of those found. */
  partial?: boolean;
}

function databases(files: AppFiles, lines: readonly SourceLine[]): Place[] {
  const named = lines.flatMap(({ file, line, text }) =>
    databaseIn(text).map((path) => ({ path, where: `${file} line ${line}`, partial: /\bjoin\(/.test(text) && !path.includes('/') })),
  );
  const existing = files.files.filter((path) => DATABASE.test(path)).map((path) => ({ path, where: 'a database file' }));
  return [...named, ...existing];
}

/** Relative paths of databases in a line of code: `"data/app.db"`, `"sqlite:///app.db"`, `join("data", "app.db")`. */
function databaseIn(text: string): string[] {
  const literals = [...text.matchAll(/["'`]([^"'`\s]{1,200})["'`]/g)].map((match) => match[1] ?? '');
  const last = literals.findIndex((literal) => DATABASE.test(literal));
  const parts = literals.slice(0, last + 1).filter((part) => RELATIVE.test(part));
  const found = /\bjoin\(/.test(text) && last >= 0 ? [parts.join('/')] : literals.filter((literal) => DATABASE.test(literal));
  return found
    .map((path) => path.replace(/^(?:sqlite3?(?:\+\w+)?:(?:\/\/\/?)?|file:)?(?:\.\/)*/, ''))
    .filter((path) => RELATIVE.test(path));
}

/** Folders with the usual names of stores, there or only in `.gitignore`. */
async function stores(files: AppFiles): Promise<Place[]> {
  const existing = files.folders.map((folder) => `${folder}/`);
  const listed = (await files.lines('.gitignore')).map((line) => line.trim().replace(/^\//, ''));
  const literal = listed.filter((line) => /^[\w-]+(?:\/[\w-]+)*\/?$/.test(line)).map((line) => line.replace(/\/?$/, '/'));
  const names = [...existing, ...literal].filter((path) => STORE_NAME.test(path) && path.split('/').length <= 3);
  return names.map((path) => ({ path, where: 'git ignores it, and its name is that of a store' }));
}

function trackedProblem(shared: string, kept: string): Unknown {
  const text = `${kept} is probably in git, but ${shared} is to be shared as a whole: run "git rm --cached ${kept}", and ignore ${shared} in the .gitignore at the top.`;
  return { field: 'shared_paths', text };
}

function unsharedProblem(path: string, where: string, shared: string): Unknown {
  const text = `Whether ${path} (${where}) is a database of the running app: if so, have git ignore ${shared} and add it to shared_paths, or each release starts with its own.`;
  return { field: 'shared_paths', text };
}

function folderOf(path: string): string {
  return path.slice(0, path.replace(/\/$/, '').lastIndexOf('/') + 1) || (path.endsWith('/') ? path : '');
}

function withoutNested(paths: string[]): string[] {
  return paths.filter((path) => !paths.some((other) => other !== path && other.endsWith('/') && path.startsWith(other)));
}

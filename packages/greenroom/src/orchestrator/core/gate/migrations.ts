/** Rules for files of migrations, by their names and contents' ids. What a migration does to the database is for `sql-findings.ts`. */
import type { Failure } from '@greenroom/sdk/wire';

/** What a path below `migrations_path` belongs to. */
export interface Migration {
  /** Without leading zeros. */
  number: string;
  /** The same for all files of one migration: `0005_add.up.sql` and `0005_add.down.sql`, or everything in the folder `0005_add/`. */
  name: string;
}

/** Path to the id of its content. */
export type Tree = ReadonlyMap<string, string>;

/** A commit that the candidate has to respect, and the candidate itself, each with its migration files only. */
export interface Landed {
  commit: string;
  /** For people: "the live release". */
  what: string;
  tree: Tree;
  /** Where the candidate went its own way: what it changed since then is its doing. */
  forkTree: Tree;
}

/** Flyway's versions; umzug's times; numbers with more behind them. */
const NUMBERED =
  /^(?:[Vv](?<dotted>\d+(?:[._]\d+)*)__|(?<time>(?:19|20)\d\d([-._])\d\d\3\d\d(?:[-._T ]\d\d(?:[-._:]?\d\d){1,2}))|(?<plain>\d+))/;
/** A day without a time numbers nothing, and neither does a random id: with those, each migration has a number of its own. */
const UNNUMBERED = /^(?:(?:19|20)\d\d([-._])\d\d\1\d\d(?!\d)|(?=\d*[a-f])[\da-f]{8,}(?=[-_.]|$))/;

/** Null for a file that is no migration: what is right below the path, a file or a folder, has to begin with a number or a random id. */
export function migrationOf(path: string, migrationsPath: string): Migration | null {
  const [first = ''] = belowPath(path, migrationsPath)?.split('/') ?? [];
  const { dotted, time, plain } = NUMBERED.exec(first)?.groups ?? {};
  const digits = dotted?.replaceAll('_', '.') ?? time?.replace(/\D/g, '') ?? plain;
  const name = nameOf(first);
  if (time === undefined && UNNUMBERED.test(first)) return { number: name, name };
  return digits === undefined ? null : { number: digits.replace(/^0+(?=\d)/, ''), name };
}

/** Null for a path that is not below it. */
export function belowPath(path: string, migrationsPath: string): string | null {
  const folder = migrationsPath.endsWith('/') ? migrationsPath : `${migrationsPath}/`;
  return path.startsWith(folder) ? path.slice(folder.length) : null;
}

/** Without what tells apart the files of one migration: `.up` and `.down`, `.do` and `.undo`, `.Designer`, and the extension. */
function nameOf(file: string): string {
  const stem = file.replace(/(?:\.(?:up|down))?\.[A-Za-z]+$/, '');
  return stem.replace(/(?<=[_-]\w+)\.[A-Za-z]+$/, '').replace(/^(\d+)\.(?:un)?do(?=\.|$)/, '$1');
}

/** A file of SQL that only undoes what another one does: `0005_add.down.sql` beside `0005_add.sql`. By itself, it is what a tool would run. */
export function undoes(path: string, others: ReadonlySet<string>): boolean {
  const [, begin = '', end = ''] = /^(.*[./])(?:down|undo)(\.(?:[^/]*\.)?sql)$/i.exec(path) ?? [];
  if (begin === '') return false;
  return [`${begin}up${end}`, `${begin}do${end}`, begin.replace(/\.$/, end)].some((other) => others.has(other));
}

/** A migration that has landed stays as it is: databases that have it applied will never see the change. */
export function changedMigration(candidate: Tree, landed: readonly Landed[], migrationsPath: string): Failure | undefined {
  for (const { commit, what, tree, forkTree } of landed) {
    for (const [path, id] of tree) {
      const now = candidate.get(path);
      // Not changed, or not by this commit: an older release is no edit.
      if (now === id || forkTree.get(path) === now || !migrationOf(path, migrationsPath)) continue;
      const renamed = [...candidate].find(([other, otherId]) => otherId === id && !tree.has(other))?.[0];
      const did = now !== undefined ? 'changes' : renamed === undefined ? 'deletes' : 'renames';
      const to = did === 'renames' ? ` to "${renamed}"` : '';
      return {
        code: 'gate_migration',
        error: `The commit ${did} the migration "${path}"${to}, which is in ${what} (${commit.slice(0, 10)}): databases that have it applied never see that.`,
        evidence: {
          rule: 'applied_migration',
          file: path,
          commit,
          remedy: `Bring it back: git checkout ${commit} -- ${JSON.stringify(path)}${to ? `, and git rm ${JSON.stringify(renamed)}` : ''}. What is to be different goes into a new migration with the next number.`,
        },
      };
    }
  }
  return undefined;
}

/** Two branches that number on from the same migration: which one is applied, or in which order both are, would be chance. */
export function sameNumber(candidate: Tree, landed: readonly Landed[], migrationsPath: string): Failure | undefined {
  for (const { commit, what, tree, forkTree } of landed) {
    const there = namesByNumber([...tree.keys(), ...candidate.keys()], migrationsPath);
    const old = new Set([...forkTree.keys(), ...tree.keys()].flatMap((path) => migrationOf(path, migrationsPath)?.name ?? []));
    for (const path of candidate.keys()) {
      const migration = migrationOf(path, migrationsPath);
      if (!migration || old.has(migration.name)) continue;
      const other = [...(there.get(migration.number) ?? [])].find(([name]) => name !== migration.name);
      if (!other) continue;
      const [, otherPath] = other;
      const place = tree.has(otherPath) ? `, which is in ${what} (${commit.slice(0, 10)})` : '';
      return {
        code: 'gate_migration',
        error: `The commit adds the migration "${path}" with the number ${migration.number}, which "${otherPath}" has too${place}.`,
        evidence: {
          rule: 'same_number',
          file: path,
          ...(place ? { commit } : {}),
          remedy: `Give the new one the next free number, after ${highest([...there.keys()])}${place ? `, on top of the other: git merge ${commit}` : ''}.`,
        },
      };
    }
  }
  return undefined;
}

/** Number to the names that have it, each with one of its paths. */
function namesByNumber(paths: readonly string[], migrationsPath: string): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (const path of paths) {
    const migration = migrationOf(path, migrationsPath);
    if (!migration) continue;
    const names = found.get(migration.number) ?? new Map<string, string>();
    if (!names.has(migration.name)) names.set(migration.name, path);
    found.set(migration.number, names);
  }
  return found;
}

function highest(numbers: readonly string[]): string {
  return numbers.reduce((most, it) => (it.localeCompare(most, 'en', { numeric: true }) > 0 ? it : most), '0');
}

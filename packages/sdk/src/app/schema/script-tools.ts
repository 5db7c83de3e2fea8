import { type Reading, readTable } from './database.ts';
import { type Folder, filesOf } from './folder.ts';
import { type CodeRange, counted, type Schema, stateOf } from './schema.ts';

export interface ToolOptions extends CodeRange, Reading {
  /** Where the migrations are. */
  folder: Folder;
  /** The tool's table of applied migrations, when it is not the tool's default; `schema.table` for one in another schema. */
  table?: string;
}

/**
 * Knex: one file a migration, known by its whole name. Table and order as in knex 3.3, `lib/migrations/migrate`; loads the same extensions, `.mjs` as
 * well.
 */
export function knex(options: ToolOptions): Schema {
  return scripts(options, { table: 'knex_migrations', names: (files) => files.filter(isScript) });
}

/** Kysely with its `FileMigrationProvider`: known by the name without extension. As in kysely 0.29, `migration/migrator.js`. */
export function kysely(options: ToolOptions): Schema {
  return scripts(options, { table: 'kysely_migration', names: (files) => files.filter(isScript).map(withoutExtension) });
}

/**
 * node-pg-migrate: known by the name without extension, in the order of the number that it begins with; pairs of `.up.sql` and `.down.sql` are one.
 * As in node-pg-migrate 9.0, `src/migration.ts`. The table is looked for on the search path; name `schema.pgmigrations` when it is elsewhere.
 */
export function nodePgMigrate(options: Omit<ToolOptions, 'dialect'>): Schema {
  const names = (files: string[]): string[] => {
    const found = files.filter((file) => (isScript(file) || file.endsWith('.sql')) && !file.endsWith('.down.sql'));
    return found.map((file) => withoutExtension(file).replace(/\.up$/, '')).sort((a, b) => numberOf(a) - numberOf(b) || (a < b ? -1 : 1));
  };
  return scripts({ ...options, dialect: 'postgres' }, { table: 'pgmigrations', names });
}

/** Umzug with its `SequelizeStorage`, or any storage with the same table: known by the whole file name, unless `nameOf` says otherwise. */
export function umzug({ nameOf = (file) => file, ...options }: ToolOptions & { nameOf?: (file: string) => string }): Schema {
  const names = (files: string[]): string[] => files.filter((file) => isScript(file) || file.endsWith('.sql')).map(nameOf);
  return scripts(options, { table: 'SequelizeMeta', names });
}

/** A tool that keeps the names of applied migrations in a column `name`. */
function scripts(options: ToolOptions, tool: { table: string; names: (files: string[]) => string[] }): Schema {
  return {
    async state() {
      const names = tool.names(await filesOf(options.folder));
      const rows = await readTable(options, options.table ?? tool.table, ['name']);
      const has = new Set(rows.map((row) => String(row['name'])));
      // Those that this code brings first, so that a name stands for the same count on both sides.
      const applied = [...names.filter((name) => has.has(name)), ...[...has].filter((name) => !names.includes(name))];
      return stateOf({ known: counted(names), applied: counted(applied) }, options);
    },
  };
}

function isScript(file: string): boolean {
  return /\.(js|cjs|mjs|ts|cts|mts)$/.test(file) && !/\.d\.[cm]?ts$/.test(file);
}

function withoutExtension(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}

/** 17 digits are a date in UTC, as the tool reads them; other numbers stand for themselves. */
function numberOf(name: string): number {
  const [digits = ''] = /^\d+/.exec(name) ?? [];
  if (digits.length !== 17) return Number(digits || Number.MAX_SAFE_INTEGER);
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/.exec(digits) ?? [];
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, ms = 0] = parts.map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second, ms);
}

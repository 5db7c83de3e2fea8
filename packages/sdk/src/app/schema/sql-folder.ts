import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Changing, inTransaction, type Statements } from './changing.ts';
import { quoteTable, type Reading, readTable, text } from './database.ts';
import { filesOf, pathOf } from './folder.ts';
import { type History, type Migration, type Schema, stateOf } from './schema.ts';
import type { ToolOptions } from './script-tools.ts';

/** A folder of plain SQL whose pending migrations can also be applied. */
export interface SqlFolder extends Schema {
  /**
   * Applies one migration and notes it down, both or neither: one transaction. Resolves without doing anything when somebody else has applied it
   * meanwhile.
   */
  apply(name: string): Promise<void>;
}

/** How other tools mark, in one file, what undoes a migration. Here the whole file is run. */
const UNDOES = /^--[ \t]*(?:\+goose Down|\+migrate Down|migrate:down|Down Migration)\b/im;
const DEFAULT_TABLE = 'schema_migrations';

/**
 * A folder of `NNN_name.sql`, where NNN is the version; `NNN_name.down.sql` beside it is for whoever takes it back by hand. Applied migrations are noted down in a table (`schema_migrations` without `table`) with the
 * columns `version`, `name` and `applied_at`, which the first `apply` makes. `database` is what `postgres(pool)` or `sqlite(db)` answers.
 */
export function sqlFolder(options: Omit<ToolOptions, keyof Reading> & { database: Reading & Changing }): SqlFolder {
  const { database, folder } = options;
  const table = options.table ?? DEFAULT_TABLE;

  const history = async (): Promise<History> => {
    const rows = await readTable(database, table, ['version', 'name']);
    const applied = rows.map((row) => ({ name: String(row['name']), version: Number(row['version']) }));
    return { known: migrationsOf(await filesOf(folder)), applied };
  };

  return {
    state: async () => stateOf(await history(), options),
    async apply(name) {
      const migration = migrationsOf(await filesOf(folder)).find((one) => one.name === name);
      if (!migration) throw new Error(`${pathOf(folder)} has no migration ${name}.`);
      const sql = await readFile(join(pathOf(folder), `${name}.sql`), 'utf8');
      const mark = UNDOES.exec(sql)?.[0];
      if (mark)
        throw new Error(`${name}.sql has a part that undoes it ("${mark}"), which would be run as well: put it into ${name}.down.sql.`);
      await inTransaction(database, () => steps(migration, sql));
    },
  };

  function* steps({ name, version }: Migration, sql: string): Statements {
    const quoted = quoteTable(table);
    yield `CREATE TABLE IF NOT EXISTS ${quoted} (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)`;
    // Conflicts with itself and with writers, not with readers; SQLite's transaction is exclusive already.
    if (database.dialect === 'postgres') yield `LOCK TABLE ${quoted} IN SHARE ROW EXCLUSIVE MODE`;
    const noted = yield `SELECT name FROM ${quoted} WHERE version = ${version}`;
    if (noted.length > 0) return;
    yield 'SAVEPOINT greenroom_migration';
    yield { script: sql };
    try {
      yield 'RELEASE SAVEPOINT greenroom_migration';
    } catch (error) {
      throw new Error(`${name}.sql ends the transaction that it runs in: take COMMIT and ROLLBACK out of it.`, { cause: error });
    }
    yield `INSERT INTO ${quoted} (version, name, applied_at) VALUES (${version}, ${text(name)}, ${text(new Date().toISOString())})`;
  }
}

/** Throws when a name has no number, or two have the same. */
function migrationsOf(files: string[]): Migration[] {
  const migrations = files
    .filter((file) => file.endsWith('.sql') && !file.endsWith('.down.sql'))
    .map((file) => {
      const [, digits] = /^(\d+)[_-][\w.-]+\.sql$/.exec(file) ?? [];
      const version = Number(digits);
      if (!Number.isSafeInteger(version) || version === 0) {
        throw new Error(
          `The migration ${file} has no version: name it by a number from 1 to ${Number.MAX_SAFE_INTEGER} and a word, such as 001_users.sql.`,
        );
      }
      return { name: file.slice(0, -'.sql'.length), version };
    })
    .sort((a, b) => a.version - b.version);
  const twice = migrations.find(({ version }, index) => migrations[index + 1]?.version === version);
  if (twice) throw new Error(`Two migrations have the version ${twice.version}, ${twice.name} is one: give the newer one the next number.`);
  return migrations;
}

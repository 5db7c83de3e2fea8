/** Each reader against what the real tool writes; Prisma, whose engines are downloaded, against its table as its schema engine creates it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { drizzle, knex, kysely, prisma, type Schema, type SchemaState, sqlite, sqliteLock, umzug } from '@greenroom/sdk/app';
import { drizzle as drizzleOrm } from 'drizzle-orm/sqlite-proxy';
import { migrate } from 'drizzle-orm/sqlite-proxy/migrator';
import makeKnex from 'knex';
import { Kysely, SqliteDialect } from 'kysely';
import { FileMigrationProvider, Migrator } from 'kysely/migration';
import { Umzug } from 'umzug';
import { run, serveMigrations } from '../migrations/rig.ts';
import { asBetterSqlite, folderOf, openDatabase, put } from './rig.ts';

/** What a state says, in short: version, range, pending, compatible. */
function said({ status, pending, problem }: SchemaState): string {
  const { current_schema_version: current, code_min_schema_version: min, code_max_schema_version: max, compatible } = status;
  assert.equal(status.pending_migrations, pending.length);
  return `${current} of ${min}..${max}, pending [${pending.join(' ')}], ${compatible ? 'compatible' : (problem ?? 'out of range')}`;
}

type Appliers = { apply(name: string): unknown } | { applyAll(): unknown };

/**
 * The whole way of two migrations, with code that works with the first one as well: one by the tool alone, the other one by `POST /migrations/run`
 * with the tool in the way that the guide says.
 */
async function walk(t: TestContext, schema: Schema, names: [string, string], begin: () => unknown, appliers: Appliers): Promise<void> {
  const [first, second] = names;
  assert.equal(said(await schema.state()), `0 of 1..2, pending [${first} ${second}], out of range`);
  await begin();
  assert.equal(said(await schema.state()), `1 of 1..2, pending [${second}], compatible`);
  const lock = sqliteLock(openDatabase(t));
  const answer = await run(await serveMigrations(t, { schema, migrations: { lock, ...appliers } }));
  assert.deepEqual([answer.lines.at(-1)?.['event'], answer.lines.at(-1)?.['applied']], ['done', [second]]);
  assert.equal(said(await schema.state()), '2 of 1..2, pending [], compatible');
}

test('Knex', async (t) => {
  const file = (table: string): string =>
    `export const up = (knex) => knex.schema.createTable('${table}', (t) => t.increments());\nexport const down = () => {};\n`;
  const names: [string, string] = ['20240101_users.mjs', '20240102_orders.mjs'];
  const folder = await folderOf(t, { [names[0]]: file('users'), [names[1]]: file('orders'), 'types.d.ts': '', '.hidden.js': '' });
  const db = openDatabase(t);
  const Client = createRequire(import.meta.url)('knex/lib/dialects/better-sqlite3/index.js');
  class NodeSqlite extends Client {
    _driver(): null {
      return null;
    }
    async acquireRawConnection() {
      return asBetterSqlite(db);
    }
  }
  const tool = makeKnex({
    client: NodeSqlite as never,
    connection: { filename: ':memory:' },
    useNullAsDefault: true,
    migrations: { directory: folder, loadExtensions: ['.mjs'] },
  });
  t.after(() => tool.destroy());
  await walk(t, knex({ folder, min: names[0], ...sqlite(db) }), names, () => tool.migrate.up(), {
    apply: (name) => tool.migrate.up({ name }),
  });
});

test('Kysely', async (t) => {
  const file = (table: string): string =>
    `export const up = (db) => db.schema.createTable('${table}').addColumn('id', 'integer').execute();\n`;
  const folder = await folderOf(t, { '001_users.mjs': file('users'), '002_orders.mjs': file('orders'), 'README.md': '' });
  const db = openDatabase(t);
  const tool = new Kysely<unknown>({ dialect: new SqliteDialect({ database: asBetterSqlite(db) }) });
  const migrator = new Migrator({ db: tool, provider: new FileMigrationProvider({ fs, path, migrationFolder: folder }) });
  const apply = async (name: string): Promise<void> => {
    const { error } = await migrator.migrateTo(name);
    if (error) throw error;
  };
  const names: [string, string] = ['001_users', '002_orders'];
  await walk(t, kysely({ folder, min: 1, ...sqlite(db) }), names, () => migrator.migrateUp(), { apply });
});

test('Umzug', async (t) => {
  const file = `export const up = () => {};\n`;
  const folder = await folderOf(t, { '01-users.mjs': file, '02-orders.mjs': file });
  const db = openDatabase(t);
  // As umzug's SequelizeStorage has it.
  db.exec('CREATE TABLE "SequelizeMeta" (name VARCHAR(255) NOT NULL UNIQUE PRIMARY KEY)');
  const tool = new Umzug({
    migrations: { glob: join(folder, '*.mjs'), resolve: ({ name }) => ({ name, up: async () => undefined }) },
    storage: {
      executed: async () =>
        db
          .prepare('SELECT name FROM "SequelizeMeta"')
          .all()
          .map(({ name }) => String(name)),
      logMigration: async ({ name }) => void db.prepare('INSERT INTO "SequelizeMeta" VALUES (?)').run(name),
      unlogMigration: async () => undefined,
    },
    logger: undefined,
  });
  const names: [string, string] = ['01-users.mjs', '02-orders.mjs'];
  await walk(t, umzug({ folder, min: 1, ...sqlite(db) }), names, () => tool.up({ step: 1 }), { apply: (name) => tool.up({ to: name }) });
  const short = umzug({ folder, min: 1, nameOf: (name) => name.slice(0, 2), ...sqlite(db) });
  assert.match(said(await short.state()), /which this code does not have/);
});

test('Drizzle', async (t) => {
  const entry = (idx: number, tag: string) => ({ idx, version: '6', when: 1_700_000_000_000 + idx, tag, breakpoints: true });
  const [one, two] = [entry(0, '0000_users'), entry(1, '0001_orders')];
  const journal = (...entries: unknown[]) => ({ 'meta/_journal.json': JSON.stringify({ version: '7', dialect: 'sqlite', entries }) });
  const files = { '0000_users.sql': 'CREATE TABLE users (id INTEGER);', '0001_orders.sql': 'CREATE TABLE orders (id INTEGER);' };
  const whole = await folderOf(t, { ...files, ...journal(one, two) });
  const older = await folderOf(t, { ...files, ...journal(one) });
  const db = openDatabase(t);
  const tool = drizzleOrm(async (sql, params, method) => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return { rows: method === 'run' ? [statement.run(...params)] : statement.all(...params) };
  });
  const migrateTo = (migrationsFolder: string): Promise<void> =>
    migrate(tool, async (queries) => queries.forEach((query) => void db.exec(query)), { migrationsFolder });
  const schema = drizzle({ folder: whole, min: '0000_users', ...sqlite(db) });
  await walk(t, schema, ['0000_users', '0001_orders'], () => migrateTo(older), { applyAll: () => migrateTo(whole) });
  // The release before, whose folder has one migration only.
  assert.equal(said(await drizzle({ folder: older, min: 1, ...sqlite(db) }).state()), '2 of 1..1, pending [], out of range');
  assert.equal(said(await drizzle({ folder: older, min: 1, max: 2, ...sqlite(db) }).state()), '2 of 1..2, pending [], compatible');
});

test('Prisma', async (t) => {
  const sql = 'CREATE TABLE users (id INTEGER);';
  const names: [string, string] = ['20240101120000_init', '20240102120000_orders'];
  const folder = await folderOf(t, { [`${names[0]}/migration.sql`]: sql, [`${names[1]}/migration.sql`]: sql, 'migration_lock.toml': '' });
  const db = openDatabase(t);
  const finish = (name: string): void =>
    void db
      .prepare('UPDATE _prisma_migrations SET finished_at = 1700000000000, applied_steps_count = 1 WHERE migration_name = ?')
      .run(name);
  const begin = (name: string): void => {
    db.exec(PRISMA_TABLE);
    const checksum = createHash('sha256').update(sql).digest('hex');
    db.prepare('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (?, ?, ?)').run(name, checksum, name);
  };
  const schema = prisma({ folder, min: 1, ...sqlite(db) });
  const deploy = (name: string): void => {
    begin(name);
    finish(name);
  };
  await walk(t, schema, names, () => deploy(names[0]), { applyAll: () => deploy(names[1]) });
  await put(folder, { '20240103120000_late/migration.sql': sql });
  begin('20240103120000_late');
  const failed = 'The migration 20240103120000_late has begun and did not finish: mend it, then "prisma migrate resolve".';
  assert.equal(said(await schema.state()), `2 of 1..3, pending [20240103120000_late], ${failed}`);
  db.exec(`UPDATE _prisma_migrations SET rolled_back_at = 1700000000000 WHERE finished_at IS NULL`);
  assert.equal(said(await schema.state()), '2 of 1..3, pending [20240103120000_late], compatible');
});

/** prisma-engines, `schema-engine/connectors/sql-schema-connector/src/flavour/sqlite/connector.rs`, `create_migrations_table`. */
const PRISMA_TABLE = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT,
  "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0)`;

test('a history that the numbers would not show is not compatible', async (t) => {
  const folder = await folderOf(t, { '01-a.mjs': '', '03-c.mjs': '' });
  const db = openDatabase(t);
  const schema = umzug({ folder, min: 0, ...sqlite(db) });
  const applied = (...names: string[]): void => {
    db.exec('CREATE TABLE IF NOT EXISTS "SequelizeMeta" (name TEXT); DELETE FROM "SequelizeMeta"');
    for (const name of names) db.prepare('INSERT INTO "SequelizeMeta" VALUES (?)').run(name);
  };
  applied('01-a.mjs', "02-b'.mjs");
  assert.match(said(await schema.state()), /^2 of 0\.\.2.*has the migration 02-b'\.mjs.*lacks 03-c\.mjs.*merge the branches/);
  applied('03-c.mjs');
  assert.match(said(await schema.state()), /01-a\.mjs is pending although 03-c\.mjs, which comes after it, has been applied/);
});

test('what cannot be read rejects with what to do', async (t) => {
  const db = openDatabase(t);
  const folder = await folderOf(t, { '01-a.mjs': '' });
  const options = { folder, min: 1, ...sqlite(db) };
  const rejects = (schema: Schema, message: RegExp) => assert.rejects(schema.state(), message);
  await rejects(knex({ ...options, folder: '/nowhere' }), /The folder of migrations \/nowhere cannot be read \(ENOENT\)/);
  await rejects(knex({ ...options, min: 'x' }), /min names the migration "x", which the folder does not have. It has: 01-a.mjs/);
  await rejects(knex({ ...options, min: 1.5 }), /a version is a whole number/);
  await rejects(knex({ ...options, min: 2 }), /min is version 2 and max is version 1/);
  await rejects(drizzle(options), /_journal\.json/);
  await rejects(knex({ ...options, query: async () => 'rows' as never }), /query must answer a list of rows/);
  // A name that would be SQL if it were not quoted.
  assert.equal((await knex({ ...options, table: `x" OR '1'='1` }).state()).pending.length, 1);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { type SqlFolder, sqlFolder, sqlite, sqliteLock } from '@greenroom/sdk/app';
import { folderOf, openDatabase, put } from '../schema/rig.ts';
import { brief, follow, run, schemaStatus, serveMigrations } from './rig.ts';

const USERS = 'CREATE TABLE users (id INTEGER PRIMARY KEY); INSERT INTO users VALUES (1), (2);';
const NAMES = "ALTER TABLE users ADD COLUMN name TEXT; UPDATE users SET name = 'user;' || id;";

type Appliers = { apply(name: string): unknown } | { applyAll(): unknown };

/** An app on a file of SQLite with migrations in a folder. */
async function world(
  t: TestContext,
  files: Record<string, string>,
  appliers: (schema: SqlFolder) => Appliers = ({ apply }) => ({ apply }),
) {
  const folder = await folderOf(t, files);
  const data = await folderOf(t, {});
  const db = openDatabase(t, join(data, 'app.db'));
  const lock = sqliteLock(openDatabase(t, join(data, 'migrations.lock')));
  const schema = sqlFolder({ folder, min: 0, database: sqlite(db) });
  const told: string[] = [];
  const migrations = { lock, ...appliers(schema) };
  const port = await serveMigrations(t, { schema, migrations, onError: (error) => told.push(String(error)) });
  return { folder, data, db, port, schema, told };
}

test('pending migrations are listed, run and noted down, and the schema status follows', async (t) => {
  const { folder, db, port } = await world(t, { '001_users.sql': USERS, '002_names.sql': NAMES, 'README.md': '' });
  const before = {
    current_schema_version: 0,
    code_min_schema_version: 0,
    code_max_schema_version: 2,
    pending_migrations: 2,
    compatible: true,
  };
  assert.deepEqual(await schemaStatus(port), before);
  const plan = [{ event: 'plan', pending: ['001_users', '002_names'], schema: before, problem: null }];
  assert.deepEqual(await run(port, '?dry_run=1'), { status: 200, lines: plan });
  assert.deepEqual(await schemaStatus(port), before);

  const answer = await run(port);
  assert.deepEqual(brief(answer), ['start', 'applying 001_users', 'applied 001_users', 'applying 002_names', 'applied 002_names', 'done']);
  const after = { ...before, current_schema_version: 2, pending_migrations: 0 };
  assert.deepEqual(answer.lines.at(-1), { event: 'done', applied: ['001_users', '002_names'], schema: after });
  assert.deepEqual(await schemaStatus(port), after);
  assert.equal(db.prepare('SELECT name FROM users WHERE id = 2').get()?.['name'], 'user;2');
  assert.deepEqual(brief(await run(port)), ['start', 'done']);

  await put(folder, { '010_more.sql': 'CREATE TABLE more (id INTEGER);' });
  assert.deepEqual((await run(port)).lines.at(-1)?.['applied'], ['010_more']);
  assert.equal(((await schemaStatus(port)) as { current_schema_version: number }).current_schema_version, 10);
});

test('a file is run as a whole, whatever it begins with; what undoes it is not', async (t) => {
  const folded = 'SELECT count(*) FROM users; CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER);';
  const files = { '1_users.sql': USERS, '1_users.down.sql': 'DROP TABLE users;', '2_more.sql': folded };
  const { folder, db, port } = await world(t, files);
  assert.deepEqual((await run(port)).lines.at(-1)?.['applied'], ['1_users', '2_more']);
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE name IN ('users', 'a', 'b') ORDER BY name").all();
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['a', 'b', 'users'],
  );
  await put(folder, { '3_c.sql': '-- migrate:up\nCREATE TABLE c (id INTEGER);\n-- migrate:down\nDROP TABLE c;\n' });
  const { event, error } = (await run(port)).lines.at(-1) ?? {};
  assert.equal(event, 'failed');
  assert.match(String(error), /3_c.sql has a part that undoes it \("-- migrate:down"\).*put it into 3_c.down.sql/);
});

test('a failure stops at its migration, undoes all of it and none of the ones before', async (t) => {
  const broken = `${NAMES} INSERT INTO nowhere VALUES (1);`;
  const { folder, db, port } = await world(t, { '1_users.sql': USERS, '2_names.sql': broken, '3_more.sql': 'CREATE TABLE more (id);' });
  const failed = (await run(port)).lines.at(-1);
  assert.deepEqual(
    [failed?.['event'], failed?.['name'], failed?.['applied'], failed?.['pending']],
    ['failed', '2_names', ['1_users'], ['2_names', '3_more']],
  );
  assert.match(String(failed?.['error']), /no such table: nowhere/);
  assert.deepEqual(
    db
      .prepare('PRAGMA table_info(users)')
      .all()
      .map(({ name }) => name),
    ['id'],
  );
  await put(folder, { '2_names.sql': NAMES });
  assert.deepEqual((await run(port)).lines.at(-1)?.['applied'], ['2_names', '3_more']);
});

test('a file that ends its own transaction fails, and says what to take out', async (t) => {
  const { port } = await world(t, { '1_users.sql': `${USERS} COMMIT;` });
  const failed = (await run(port)).lines.at(-1);
  assert.match(String(failed?.['error']), /1_users\.sql ends the transaction that it runs in: take COMMIT and ROLLBACK out of it/);
});

test('one run at a time, in this process and in others, and the refusal says who', async (t) => {
  const going = Promise.withResolvers<void>();
  t.after(() => going.resolve());
  const { data, port, schema } = await world(t, { '1_users.sql': USERS }, (schema) => ({
    apply: async (name: string) => {
      await going.promise;
      await schema.apply(name);
    },
  }));
  const running = follow(port);
  while ((await running.next()).value?.['event'] !== 'applying');
  const refused = await run(port);
  assert.equal(refused.status, 409);
  assert.equal(refused.lines[0]?.['code'], 'migrations_running');
  assert.match(String(refused.lines[0]?.['held_by']), new RegExp(`^pid ${process.pid} since 20`));
  assert.match(String(refused.lines[0]?.['error']), /are being run by pid \d+ since/);
  assert.equal((await run(port, '?dry_run=1')).status, 200);
  // Another instance of the app: a lock on a connection of its own.
  const other = sqliteLock(openDatabase(t, join(data, 'migrations.lock')));
  const internal = await serveMigrations(t, { schema, migrations: { lock: other, apply: schema.apply } });
  const elsewhere = await run(internal);
  assert.deepEqual([elsewhere.status, elsewhere.lines[0]?.['held_by']], [409, refused.lines[0]?.['held_by']]);
  going.resolve();
  for await (const { event } of running) if (event === 'done') break;
  const taken = await other.take('the next one');
  assert.ok('release' in taken);
  await taken.release();
});

test('a process that is killed in a migration leaves nothing of it, and the next run goes on', async (t) => {
  const { data, db, folder, port } = await world(t, { '1_users.sql': USERS });
  await run(port);
  // Says that it has begun by the attached file, then works for minutes.
  const slow = `${NAMES} INSERT INTO users (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e9) SELECT i FROM n;`;
  await put(folder, { '2_names.sql': slow });
  const code = `
    import { DatabaseSync } from 'node:sqlite';
    import { sqlFolder, sqlite, sqliteLock } from '@greenroom/sdk/app';
    const [folder, data] = process.argv.slice(1);
    const db = new DatabaseSync(data + '/app.db');
    const lock = await sqliteLock(new DatabaseSync(data + '/migrations.lock')).take('the one to be killed');
    process.stdout.write('begun', () => sqlFolder({ folder, min: 0, database: sqlite(db) }).apply('2_names'));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code, folder, data], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const refused = await run(port);
  assert.deepEqual([refused.status, refused.lines[0]?.['held_by']], [409, 'the one to be killed']);
  await untilLocked(data);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual((await run(port, '?dry_run=true')).lines[0]?.['pending'], ['2_names']);
  await put(folder, { '2_names.sql': NAMES });
  assert.deepEqual((await run(port)).lines.at(-1)?.['applied'], ['2_names']);
  assert.equal(db.prepare('SELECT count(*) AS n FROM users').get()?.['n'], 2);
});

test('a tool that applies all at once is told by what the database has afterwards', async (t) => {
  let broken: 'loud' | 'quiet' | 'no' = 'loud';
  const { port, told } = await world(t, { '1_users.sql': USERS, '2_names.sql': NAMES }, (schema) => ({
    applyAll: async () => {
      await schema.apply('1_users');
      if (broken === 'loud') throw new Error('the tool gave up');
      if (broken === 'no') await schema.apply('2_names');
    },
  }));
  const failed = await run(port);
  assert.deepEqual(brief(failed), ['start', 'applied 1_users', 'failed 2_names']);
  assert.equal(failed.lines.at(-1)?.['error'], 'the tool gave up');
  broken = 'quiet';
  assert.match(String((await run(port)).lines.at(-1)?.['error']), /the database does not have it as applied/);
  broken = 'no';
  assert.deepEqual((await run(port)).lines.at(-1)?.['applied'], ['2_names']);
  assert.deepEqual(told, []);
});

test('what cannot be done safely is not done', async (t) => {
  const { db, folder, port, told } = await world(t, { '1_users.sql': USERS, '3_more.sql': 'CREATE TABLE more (id);' });
  await run(port);
  for (const headers of [{ origin: 'http://localhost' }, { 'sec-fetch-site': 'same-origin' }]) {
    assert.equal((await run(port, '', { headers })).status, 403);
  }
  assert.equal((await fetch(`http://127.0.0.1:${port}/migrations/run`)).status, 405);
  await put(folder, { '2_late.sql': 'CREATE TABLE late (id);' });
  const refused = await run(port);
  assert.deepEqual([refused.status, refused.lines[0]?.['code']], [409, 'schema_diverged']);
  assert.match(String(refused.lines[0]?.['error']), /2_late is pending although 3_more/);
  assert.equal(((await schemaStatus(port)) as { compatible: boolean }).compatible, false);
  await schemaStatus(port);
  assert.equal(told.length, 1, 'asked twice, told once');
  for (const [name, message] of [
    ['names.sql', /has no version: name it by a number/],
    ['0_zero.sql', /has no version/],
    ['01_twice.sql', /Two migrations have the version 1/],
  ] as const) {
    await put(folder, { [name]: '' });
    const answer = await fetch(`http://127.0.0.1:${port}/schema/status`);
    assert.equal(answer.status, 503);
    assert.match(((await answer.json()) as { error: string }).error, message);
    assert.equal((await run(port)).status, 503);
    await rm(join(folder, name));
  }
  db.close();
  assert.equal((await run(port)).status, 503);
});

/** Resolves when another process holds the app's database for a write. */
async function untilLocked(data: string): Promise<void> {
  const probe = new DatabaseSync(join(data, 'app.db'), { timeout: 0 });
  for (;;) {
    try {
      probe.exec('BEGIN IMMEDIATE; ROLLBACK');
    } catch {
      probe.close();
      return;
    }
    await new Promise(setImmediate);
  }
}

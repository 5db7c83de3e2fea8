/** On a real PostgreSQL: the lock between connections, migrations in transactions, and the tables of the tools that are used with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, suite, test } from 'node:test';
import { drizzle, nodePgMigrate, postgres, postgresLock, sqlFolder } from '@greenroom/sdk/app';
import { drizzle as drizzleOrm } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { runner } from 'node-pg-migrate';
import { freePorts } from '../../../../../bench/harness/ports.ts';
import { example, listens, startExample } from '../guide.ts';
import { folderOf, put } from '../schema/rig.ts';
import { type Cluster, findPostgres, startCluster } from './cluster.ts';
import { brief, follow, run, schemaStatus, serveMigrations } from './rig.ts';

const programs = findPostgres();

suite('PostgreSQL', { skip: programs === null && 'there is no PostgreSQL on this machine' }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster(programs ?? '');
  });
  after(() => cluster?.stop());

  test('one run at a time: the other one is told who; what fails or is cut undoes its migration', async (t) => {
    const folder = await folderOf(t, {
      '001_users.sql': 'CREATE TABLE users (id INT PRIMARY KEY); INSERT INTO users VALUES (1);',
      '002_names.sql': "SELECT pg_sleep(600); ALTER TABLE users ADD name TEXT; UPDATE users SET name = 'a;b';",
    });
    const [one, two] = [cluster.pool(), cluster.pool()];
    const schema = sqlFolder({ folder, min: 0, database: postgres(one) });
    const apply = schema.apply;
    const [first, second] = [
      await serveMigrations(t, { schema, migrations: { lock: postgresLock(one), apply } }),
      await serveMigrations(t, {
        schema: sqlFolder({ folder, min: 0, database: postgres(two) }),
        migrations: { lock: postgresLock(two), apply },
      }),
    ];
    const running = follow(first);
    while ((await running.next()).value?.['name'] !== '002_names');
    const refused = await run(second);
    assert.deepEqual([refused.status, refused.lines[0]?.['code']], [409, 'migrations_running']);
    assert.match(String(refused.lines[0]?.['held_by']), new RegExp(`^pid ${process.pid} since 20`));
    // Cut in the middle, as by a restart of the database.
    const ended =
      "SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()";
    while ((await two.query(ended)).rows[0]?.n !== 1);
    let last: Record<string, unknown> = {};
    for await (const line of running) last = line;
    assert.deepEqual([last['event'], last['name'], last['applied']], ['failed', '002_names', ['001_users']]);
    assert.deepEqual(last['pending'], ['002_names']);

    const broken = 'ALTER TABLE users ADD name TEXT; INSERT INTO nowhere VALUES (1);';
    await put(folder, { '002_names.sql': broken });
    assert.deepEqual(brief(await run(second)), ['start', 'applying 002_names', 'failed 002_names']);
    await put(folder, { '002_names.sql': "ALTER TABLE users ADD name TEXT; UPDATE users SET name = 'a;b';" });
    assert.deepEqual((await run(second)).lines.at(-1)?.['applied'], ['002_names']);
    assert.equal((await one.query('SELECT name FROM users')).rows[0]?.name, 'a;b');
    assert.deepEqual(await schemaStatus(first), {
      current_schema_version: 2,
      code_min_schema_version: 0,
      code_max_schema_version: 2,
      pending_migrations: 0,
      compatible: true,
    });

    await put(folder, { '003_more.sql': 'CREATE TABLE more (id INT); COMMIT;' });
    assert.match(String((await run(first)).lines.at(-1)?.['error']), /003_more\.sql ends the transaction/);
  });

  test('the lock is free when its holder is gone', async () => {
    const [one, two] = [cluster.pool(), cluster.pool()];
    const held = await postgresLock(one).take('the one to be killed');
    assert.ok('release' in held);
    assert.deepEqual(await postgresLock(two).take('b'), { heldBy: 'the one to be killed' });
    await two.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'the one to be killed'");
    const taken = await postgresLock(two).take('b');
    assert.ok('release' in taken);
    await taken.release();
    await assert.rejects(async () => held.release());
  });

  test('the app of the guide migrates, and stops', async (t) => {
    const folder = await folderOf(t, { 'package.json': '{"type":"module"}', 'migrations/001_shop.sql': 'CREATE SCHEMA shop;' });
    const [port = 0, internal = 0] = await freePorts(2);
    const env = { PORT: String(port), INTERNAL_PORT: String(internal), PGHOST: cluster.folder, PGUSER: 'app', PGDATABASE: 'guide' };
    await cluster.pool().query('CREATE DATABASE guide');
    const code = await example('app-sdk.md', 'server-pg.js');
    const app = await startExample(t, { folder, file: 'server-pg.js', code, program: process.execPath, env });
    await listens(port, app);
    assert.equal((await fetch(`http://127.0.0.1:${internal}/healthz`)).status, 200);
    assert.equal(((await schemaStatus(internal)) as { compatible: boolean }).compatible, false);
    assert.deepEqual(brief(await run(internal)), ['start', 'applying 001_shop', 'applied 001_shop', 'done']);
    assert.equal(((await schemaStatus(internal)) as { compatible: boolean }).compatible, true);
    app.kill('SIGTERM');
    assert.deepEqual(await once(app, 'exit'), [0, null]);
  });

  test('node-pg-migrate', async (t) => {
    const up = (table: string): string => `export const up = (pgm) => pgm.createTable('${table}', { id: 'id' });\n`;
    const folder = await folderOf(t, {
      '1700000000000_a.mjs': up('a'),
      '20240101000000000_b.mjs': up('b'),
      '1800000000000_c.sql': 'CREATE TABLE c (id INT);',
    });
    const pool = cluster.pool();
    const schema = nodePgMigrate({ folder, min: 1, query: (sql) => pool.query(sql) });
    const names = ['1700000000000_a', '20240101000000000_b', '1800000000000_c'];
    assert.deepEqual((await schema.state()).pending, names);
    const settings = { databaseUrl: cluster.url, dir: folder, migrationsTable: 'pgmigrations', log: () => undefined };
    const next = (): Promise<unknown> => runner({ ...settings, direction: 'up', count: 1 });
    await next();
    assert.deepEqual((await schema.state()).pending, names.slice(1));
    const internal = await serveMigrations(t, { schema, migrations: { lock: postgresLock(pool), apply: next } });
    assert.deepEqual((await run(internal)).lines.at(-1)?.['applied'], names.slice(1));
    const { status, pending, problem } = await schema.state();
    assert.deepEqual([status.current_schema_version, pending, problem], [3, [], null]);
  });

  test('Drizzle', async (t) => {
    const entries = [{ idx: 0, version: '7', when: 1_700_000_000_000, tag: '0000_things', breakpoints: true }];
    const journal = JSON.stringify({ version: '7', dialect: 'postgresql', entries });
    const folder = await folderOf(t, { '0000_things.sql': 'CREATE TABLE things (id INT);', 'meta/_journal.json': journal });
    const pool = cluster.pool();
    const schema = drizzle({ folder, min: '0000_things', ...postgres(pool) });
    assert.deepEqual((await schema.state()).pending, ['0000_things']);
    await migrate(drizzleOrm(pool), { migrationsFolder: folder });
    const { status, pending } = await schema.state();
    assert.deepEqual([status.current_schema_version, status.compatible, pending], [1, true, []]);
  });
});

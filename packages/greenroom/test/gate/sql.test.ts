import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeSql, MAX_SQL_BYTES } from '../../src/orchestrator/adapters/gate/migrations/judge.ts';
import { readSql } from '../../src/orchestrator/adapters/gate/migrations/read-sql.ts';
import type { SqlHazard } from '../../src/orchestrator/core/gate/sql-findings.ts';

/** Each script, and what is found in it. */
const FOUND: [sql: string, ...hazards: SqlHazard[]][] = [
  ['DROP TABLE people;', 'drop'],
  ['drop table if exists public."People", x cascade', 'drop'],
  ['DROP VIEW v', 'drop'],
  ['DROP MATERIALIZED VIEW v', 'drop'],
  ['DROP TYPE mood', 'drop'],
  ['DROP FUNCTION f(int)', 'drop'],
  ['DROP SCHEMA shop CASCADE', 'drop'],
  ['DROP OWNED BY bob', 'drop'],
  ['DROP DATABASE shop', 'drop'],
  ['ALTER TABLE people DROP COLUMN name, DROP age', 'drop', 'drop'],
  ['/* DROP TABLE a */ ALTER -- DROP TABLE b\n TABLE people DROP name', 'drop'],
  ['ALTER TABLE people RENAME TO persons', 'rename'],
  ['ALTER TABLE people RENAME COLUMN name TO full_name', 'rename'],
  ['ALTER VIEW v RENAME TO w', 'rename'],
  ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", 'rename'],
  ['ALTER TABLE people SET SCHEMA archive', 'rename'],
  ['ALTER TABLE people ALTER COLUMN age TYPE bigint', 'type'],
  ['ALTER TABLE people ALTER age SET NOT NULL', 'not_null'],
  ['ALTER DOMAIN d SET NOT NULL', 'not_null'],
  ['ALTER TABLE people ADD COLUMN age int NOT NULL', 'not_null'],
  ['ALTER TABLE people ADD id uuid PRIMARY KEY', 'not_null'],
  ['ALTER TABLE people ADD COLUMN age int NOT NULL DEFAULT NULL', 'not_null'],
  ['ALTER TABLE people ADD COLUMN age int CHECK (age > 0 AND age IS NOT NULL)', 'not_null'],
  ['ALTER TABLE people ADD COLUMN age int NOT NULL DEFAULT 0; ALTER TABLE people ALTER COLUMN age DROP DEFAULT', 'not_null'],
  ['ALTER TABLE people ADD CONSTRAINT c CHECK (age IS NOT NULL) NOT VALID', 'not_null'],
  ['ALTER TABLE people ADD PRIMARY KEY (age)', 'not_null'],
  ['ALTER TABLE people ADD CONSTRAINT n NOT NULL age', 'not_null'],
  ['ALTER TYPE address DROP ATTRIBUTE street, ALTER ATTRIBUTE zip TYPE int', 'drop', 'type'],
  ['EXPLAIN ANALYZE DELETE FROM people', 'data'],
  // A name that the script has made stands for the old one again when the new one is gone.
  ['CREATE TEMP TABLE people (id int); DROP TABLE people; DROP TABLE people', 'drop'],
  ['BEGIN; CREATE TABLE people (id int); ROLLBACK; DROP TABLE people', 'drop'],
  ['CREATE OR REPLACE VIEW v AS SELECT 1; DROP VIEW v', 'drop'],
  // What is in a string is judged by nobody, so it must not be run.
  ['CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE people; END $$; SELECT f()', 'opaque'],
  ['CREATE PROCEDURE p() LANGUAGE sql AS $$ DELETE FROM people $$; CALL p()', 'opaque'],
  ['TRUNCATE people', 'data'],
  ['DELETE FROM people', 'data'],
  ["DO $$ BEGIN EXECUTE 'DROP TABLE people'; END $$", 'opaque'],
  ['DROP TABLE people; CREATE TABLE people (id int)', 'drop'],
  ['CREATE TABLE IF NOT EXISTS people (id int); DROP TABLE people', 'drop'],
  // Only SQLite reads these.
  ['PRAGMA foreign_keys=OFF; ALTER TABLE `people` DROP COLUMN `name`', 'drop'],
  ['ALTER TABLE [people] RENAME COLUMN [name] TO [full_name]', 'rename'],
  ['ALTER TABLE `people` RENAME TO persons', 'rename'],
  ['ALTER TABLE `people` ADD COLUMN `age` integer NOT NULL', 'not_null'],
  ['ALTER TABLE `people` ADD COLUMN `age` integer NOT NULL DEFAULT NULL', 'not_null'],
  ['CREATE TEMP TABLE `people` (`id` integer); DROP TABLE `people`; DROP TABLE `people`', 'drop'],
  ['DROP TABLE `people`', 'drop'],
  ['DROP VIEW `v`', 'drop'],
  ['DELETE FROM `people`', 'data'],
  ['PRAGMA writable_schema = 1', 'opaque'],
  ["ATTACH 'other.db' AS other", 'opaque'],
  // SQLite's way to rebuild a table drops the old one while the release before still reads it.
  [
    'CREATE TABLE `__new` (id integer); INSERT INTO `__new` SELECT id FROM `people`; DROP TABLE `people`; ALTER TABLE `__new` RENAME TO `people`',
    'drop',
  ],
  // Nobody reads these.
  ['DROP TABLE people; ALTER TABL people', 'opaque'],
  ['{{ template }}', 'opaque'],
  ['\\i other.sql', 'opaque'],
  [`SELECT ${'1+'.repeat(100_000)}1`],
  ['('.repeat(100_000), 'opaque'],
  [' '.repeat(MAX_SQL_BYTES + 1), 'opaque'],
  // The part that undoes is not what happens when it is applied.
  ['-- +goose Up\nCREATE TABLE a (id int);\n-- +goose Down\nDROP TABLE a;', 'data'],
  ['-- migrate:up\nDROP TABLE b;\n\n-- migrate:down\n', 'drop'],
  ['-- down\nDROP TABLE b', 'drop'],
  // Without the other mark, or with parts that take turns, more of the file is run than the first part.
  ['SELECT 1;\n-- migrate:down\nDROP TABLE b', 'drop'],
  ['-- migrate:up\nSELECT 1;\n-- Down Migration\nDROP TABLE b', 'drop'],
  ['-- +migrate Up\nSELECT 1;\n-- +migrate Down\nSELECT 2;\n-- +migrate Up\nDROP TABLE b', 'drop'],
  // Nothing to say.
  ['', ...[]],
  ['-- only a comment'],
  ["ALTER TYPE mood ADD VALUE 'glad'; CREATE INDEX i ON people (name)"],
  ['CREATE VIEW v AS SELECT 1; DROP VIEW v; CREATE TYPE m AS ENUM (); DROP TYPE m; SELECT id INTO copy FROM people; DROP TABLE copy'],
  ['CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; ALTER TABLE people ADD a int DEFAULT f(); SELECT now()'],
  ['CREATE VIEW `v` AS SELECT 1; DROP VIEW `v`'],
  ['CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL); ALTER TABLE people ADD age int NOT NULL; DROP TABLE people'],
  ['CREATE TABLE IF NOT EXISTS people (id int); CREATE INDEX CONCURRENTLY i ON people (id); DROP INDEX i'],
  ['ALTER TABLE people ADD COLUMN age int; ALTER TABLE people ADD COLUMN height int NOT NULL DEFAULT 0'],
  ['ALTER TABLE people ADD COLUMN n serial NOT NULL, ADD COLUMN m int NOT NULL GENERATED ALWAYS AS IDENTITY'],
  ["INSERT INTO people (name) VALUES ('; DROP TABLE people; --'); DELETE FROM people WHERE id = 1"],
  ['ALTER TABLE people RENAME CONSTRAINT a TO b; ALTER TABLE people DROP CONSTRAINT b; DROP TRIGGER t ON people'],
  ['ALTER TABLE `people` ADD COLUMN `age` integer NOT NULL DEFAULT 0'],
  ['CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM people $$'],
];

test('what a script does to the release before it is found by the grammar, not by words', async () => {
  for (const [sql, ...hazards] of FOUND) {
    const found = await judgeSql(sql);
    assert.deepEqual(
      found.map((it) => it.hazard),
      hazards,
      `${sql.slice(0, 100)}: ${JSON.stringify(found)}`,
    );
  }
});

test('a finding says on which line, and what', async () => {
  const found = await judgeSql(
    '-- first\nCREATE TABLE a (é text);\n\n/* then\n */\nALTER TABLE b\n  DROP COLUMN c; DROP TABLE s.d, a, e;\nALTER TABLE b RENAME COLUMN x TO y;',
  );
  assert.deepEqual(
    found.map((it) => `${it.line} ${it.does}`),
    ['6 drops the column b.c', '7 drops the table s.d, e', '8 renames the column b.x to y'],
  );
  const inSqlite = await judgeSql('PRAGMA foreign_keys=OFF;\n\nALTER TABLE `b`\n RENAME TO `c`;');
  assert.deepEqual(
    inSqlite.map((it) => `${it.line} ${it.does}`),
    ['3 renames the table b to c'],
  );
});

test('scripts are read in a thread that is ended when it takes too long', async () => {
  const signal = new AbortController().signal;
  const read = await readSql(['DROP TABLE a', 'SELECT 1'], signal);
  assert.ok(read.ok);
  assert.deepEqual(
    read.findings.map((it) => it.map((one) => one.does)),
    [['drops the table a'], []],
  );
  assert.deepEqual(await readSql(['SELECT 1'], signal, 1), { ok: false, problem: 'it took longer than 0 s' });
  assert.deepEqual(await readSql(['SELECT 1'], AbortSignal.abort()), { ok: false, problem: 'it was aborted' });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTable } from './database.ts';
import { foldersOf, pathOf } from './folder.ts';
import { counted, type Schema, stateOf } from './schema.ts';
import type { ToolOptions } from './script-tools.ts';

/**
 * Drizzle Kit's folder, with `meta/_journal.json` in it. Applied is what the table has by the journal's `when`, as in drizzle-orm 0.45,
 * `migrator.js`; the table is `drizzle.__drizzle_migrations` on PostgreSQL and `__drizzle_migrations` on SQLite.
 */
export function drizzle(options: ToolOptions): Schema {
  const journalFile = join(pathOf(options.folder), 'meta', '_journal.json');
  const table = options.table ?? (options.dialect === 'postgres' ? 'drizzle.__drizzle_migrations' : '__drizzle_migrations');
  return {
    async state() {
      const entries = entriesOf(await readFile(journalFile, 'utf8'), journalFile);
      const rows = await readTable(options, table, ['created_at']);
      const has = new Set(rows.map((row) => Number(row['created_at'])));
      const brings = new Set(entries.map(({ when }) => when));
      const applied = entries.filter(({ when }) => has.has(when)).map(({ tag }) => tag);
      const foreign = [...has].filter((when) => !brings.has(when)).map((when) => `of ${new Date(when).toISOString()}`);
      return stateOf({ known: counted(entries.map(({ tag }) => tag)), applied: counted([...applied, ...foreign]) }, options);
    },
  };
}

/**
 * Prisma Migrate's folder: one folder a migration, with `migration.sql` in it. Applied is what `_prisma_migrations` has as finished and not rolled
 * back. One that has begun and did not finish is a problem: Prisma refuses to go on as well, until `prisma migrate resolve`. Columns as Prisma's schema
 * engine creates them (`id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count`); see
 * https://www.prisma.io/docs/orm/prisma-migrate/understanding-prisma-migrate/migration-histories.
 */
export function prisma(options: ToolOptions): Schema {
  return {
    async state() {
      const names = await foldersOf(options.folder);
      const rows = await readTable(options, options.table ?? '_prisma_migrations', ['migration_name', 'finished_at', 'rolled_back_at']);
      const current = rows.filter((row) => row['rolled_back_at'] === null);
      const has = new Set(current.filter((row) => row['finished_at'] !== null).map((row) => String(row['migration_name'])));
      const failed = current.map((row) => String(row['migration_name'])).find((name) => !has.has(name));
      const applied = [...names.filter((name) => has.has(name)), ...[...has].filter((name) => !names.includes(name))];
      const problem = failed ? `The migration ${failed} has begun and did not finish: mend it, then "prisma migrate resolve".` : null;
      return stateOf({ known: counted(names), applied: counted(applied), problem }, options);
    },
  };
}

function entriesOf(content: string, file: string): { tag: string; when: number }[] {
  const { entries } = JSON.parse(content) as { entries?: { tag?: unknown; when?: unknown }[] };
  if (!Array.isArray(entries)) throw new Error(`${file} has no list "entries": it is not a journal of Drizzle Kit.`);
  return entries.map(({ tag, when }) => ({ tag: String(tag), when: Number(when) }));
}

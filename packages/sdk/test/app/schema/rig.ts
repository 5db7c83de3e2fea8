import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';

/** A folder with files; its `package.json` makes `.js` in it ES modules, as in most apps. */
export async function folderOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-schema-'));
  t.after(() => rm(folder, { recursive: true }));
  await put(folder, files);
  return folder;
}

export async function put(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

export function openDatabase(t: TestContext, file = ':memory:'): DatabaseSync {
  const db = new DatabaseSync(file);
  t.after(() => db.isOpen && db.close());
  return db;
}

/** node:sqlite in the shape of better-sqlite3, which Knex and Kysely expect, and which would need a compiler. */
export function asBetterSqlite(db: DatabaseSync) {
  return {
    prepare(sql: string) {
      const statement = db.prepare(sql);
      const flat = (values: unknown[]) => values.flat() as never[];
      return {
        reader: statement.columns().length > 0,
        all: (...values: unknown[]) => statement.all(...flat(values)),
        run: (...values: unknown[]) => statement.run(...flat(values)),
        iterate: (...values: unknown[]) => statement.iterate(...flat(values)),
        safeIntegers: () => undefined,
      };
    },
    close: () => undefined,
  };
}

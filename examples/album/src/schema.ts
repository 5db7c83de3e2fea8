import { readFile } from 'node:fs/promises';
import { postgres, postgresLock, type SqlFolder, sqlFolder } from '@greenroom/sdk/app';
import type { Pool } from 'pg';
import { CODE_RANGE } from './photos.ts';

const FOLDER = new URL('../migrations/', import.meta.url);

/** What Greenroom asks before it puts this code in front of visitors, and what applies the migrations. */
export const openSchema = (db: Pool): SqlFolder => sqlFolder({ folder: FOLDER, ...CODE_RANGE, database: postgres(db) });

/** Applies or takes back one migration after the other until the schema is at `target`. Answers what it did. Throws when somebody else migrates. */
export async function migrateTo(db: Pool, target: number): Promise<string[]> {
  const schema = openSchema(db);
  const lock = await postgresLock(db).take(`npm run migrate, pid ${process.pid}`);
  if ('heldBy' in lock) throw new Error(`Migrations are being run by ${lock.heldBy}. Try again when that has ended.`);
  const done: string[] = [];
  try {
    for (;;) {
      const { pending, problem, status } = await schema.state();
      if (problem !== null) throw new Error(problem);
      const [next] = pending;
      if (status.current_schema_version > target) done.push(await takeBack(db, status.current_schema_version));
      else if (next !== undefined && Number.parseInt(next, 10) <= target) {
        await schema.apply(next);
        done.push(`applied ${next}`);
      } else return done;
    }
  } finally {
    await lock.release();
  }
}

/** Whole or not at all, like a step forward. */
async function takeBack(db: Pool, version: number): Promise<string> {
  const client = await db.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ name: string }>('DELETE FROM schema_migrations WHERE version = $1 RETURNING name', [version]);
    const name = rows[0]?.name;
    await client.query(await readFile(new URL(`${name}.down.sql`, FOLDER), 'utf8'));
    await client.query('COMMIT');
    return `took back ${name}`;
  } catch (error) {
    throw new Error(`Version ${version} was not taken back: ${(error as Error).message}`, { cause: error });
  } finally {
    // What is still open ends with the connection.
    client.release(true);
  }
}

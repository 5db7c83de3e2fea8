import { readdirSync, readFileSync } from 'node:fs';
import type { Pool, PoolClient } from 'pg';
import { CODE_RANGE } from './photos.ts';

const FOLDER = new URL('../migrations/', import.meta.url);
/** Two migrators wait for one another by this lock of the database. */
const LOCK = 7_245_310;

/** The schema's version is the number of the last migration that was applied; 0 before the first. */
export async function currentVersion(db: Pool | PoolClient): Promise<number> {
  const { rows: found } = await db.query<{ there: boolean }>("SELECT to_regclass('schema_migrations') IS NOT NULL AS there");
  if (!found[0]?.there) return 0;
  const { rows } = await db.query<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM schema_migrations');
  return rows[0]?.version ?? 0;
}

/** What Greenroom asks before it puts this code in front of visitors. */
export async function schemaStatus(db: Pool): Promise<Record<string, number | boolean>> {
  const current = await currentVersion(db);
  const { min, max } = CODE_RANGE;
  return {
    current_schema_version: current,
    code_min_schema_version: min,
    code_max_schema_version: max,
    pending_migrations: steps().filter((version) => version > current).length,
    compatible: current >= min && current <= max,
  };
}

/** Applies or takes back one migration after the other until the schema is at `target`, each in a transaction of its own. Answers what it did. */
export async function migrate(db: Pool, target = steps().at(-1) ?? 0): Promise<string[]> {
  const client = await db.connect();
  const done: string[] = [];
  try {
    // A migration that waits for a lock makes every visitor behind it wait, too: rather give up, and try again.
    await client.query(`SELECT pg_advisory_lock(${LOCK}); SET lock_timeout = '2s'; SET statement_timeout = 0`);
    await client.query('CREATE TABLE IF NOT EXISTS schema_migrations (version int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())');
    for (;;) {
      const current = await currentVersion(client);
      const next = steps().find((version) => version > current && version <= target);
      if (current > target)
        done.push(await apply(client, fileOf(current, '.down.sql'), 'DELETE FROM schema_migrations WHERE version = $1', current));
      else if (next !== undefined)
        done.push(await apply(client, fileOf(next, '.sql'), 'INSERT INTO schema_migrations (version) VALUES ($1)', next));
      else return done;
    }
  } finally {
    // Not back into the pool: lock and settings end with the connection.
    client.release(true);
  }
}

async function apply(client: PoolClient, file: string, note: string, version: number): Promise<string> {
  const sql = readFileSync(new URL(file, FOLDER), 'utf8');
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query(note, [version]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
  return file;
}

/** Numbers of the migrations that this code brings, ascending. */
function steps(): number[] {
  const ups = readdirSync(FOLDER).filter((name) => /^\d{4}_\w+\.sql$/.test(name));
  return ups.map((name) => Number(name.slice(0, 4))).sort((one, other) => one - other);
}

function fileOf(version: number, ending: string): string {
  const begin = String(version).padStart(4, '0');
  const file = readdirSync(FOLDER).find((name) => name.startsWith(`${begin}_`) && name.replace(/^\w+/, '') === ending);
  if (file === undefined) throw new Error(`There is no migration ${begin}_*${ending}: this step cannot be done by this release.`);
  return file;
}

import type { ClientLike, PoolLike, SqliteLike } from '../schema/changing.ts';
import { rowsOf, text } from '../schema/database.ts';
import type { MigrationLock } from './options.ts';

/** Two numbers that mean Greenroom's migrations, for PostgreSQL's advisory locks: one lock for each database. */
const ADVISORY = [1_735_552_621, 1] as const;
const HOLDER_SQL = `SELECT a.application_name AS holder FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ${ADVISORY[0]} AND l.objid = ${ADVISORY[1]} AND l.objsubid = 2
 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
/** Of a holder who did not leave a name. */
const SOMEBODY = 'another process';

/** An advisory lock of PostgreSQL on a connection of its own; its name there says who holds it. Freed when the connection ends. */
export function postgresLock(pool: Pick<PoolLike, 'connect'>): MigrationLock {
  return {
    async take(holder) {
      const client = await pool.connect();
      // The connection may break while it is held: the lock is gone then, and each migration's own transaction keeps it from being applied twice.
      const onError = (): void => undefined;
      client.on?.('error', onError);
      const leave = (): void => client.release(true);
      try {
        const ask = async (sql: string) => rowsOf(await client.query(sql));
        const [answer] = await ask(`SELECT pg_try_advisory_lock(${ADVISORY.join(', ')}) AS taken`);
        if (answer?.['taken'] === true) {
          await ask(`SELECT set_config('application_name', ${text(holder)}, false)`);
          return { release: () => unlock(client).finally(leave) };
        }
        const [row] = await ask(HOLDER_SQL);
        leave();
        return { heldBy: String(row?.['holder'] || SOMEBODY) };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}

/** At once: the end of the connection would free it too, but a little later. */
async function unlock(client: ClientLike): Promise<void> {
  await client.query(`SELECT pg_advisory_unlock(${ADVISORY.join(', ')})`);
}

/**
 * `BEGIN IMMEDIATE` in a small database beside the app's own, which goes on being written meanwhile: `sqliteLock(new
 * DatabaseSync('data/migrations.lock'))`. The operating system frees it when the process ends.
 */
export function sqliteLock(db: SqliteLike): MigrationLock {
  const named = (): string => {
    try {
      const [row] = db.prepare('SELECT name FROM holder').all() as { name?: unknown }[];
      return String(row?.name || SOMEBODY);
    } catch (error) {
      if (/no such table/.test(String(error))) return SOMEBODY;
      throw error;
    }
  };
  return {
    async take(holder) {
      db.exec('PRAGMA busy_timeout = 0');
      for (;;) {
        try {
          db.exec('BEGIN IMMEDIATE');
        } catch (error) {
          if (!/database is locked/.test(String(error))) throw error;
          const heldBy = named();
          return { heldBy: heldBy === holder ? SOMEBODY : heldBy };
        }
        if (named() === holder) return { release: () => db.exec('ROLLBACK') };
        // The name has to be committed before others can read it; the lock is taken again after that, and the name looked at again.
        db.exec(`CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
                 INSERT OR REPLACE INTO holder (id, name) VALUES (1, ${text(holder)}); COMMIT`);
      }
    },
  };
}

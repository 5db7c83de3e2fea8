import { Pool, type PoolConfig } from 'pg';

/** How long a query, or the wait for a connection, may take: a visitor gets an answer, and the health check says that something is wrong. */
const LIMIT_MS = 5_000;
const CONNECTIONS = 8;
/** How long a migration waits for a lock: every visitor behind it waits as well. Rather give up, and try again. */
const LOCK_LIMIT_MS = 2_000;

/** The database that DATABASE_URL names, for visitors. Throws a sentence when it is not set. */
export const openDatabase = (env: NodeJS.ProcessEnv): Pool => open(env, { max: CONNECTIONS, statement_timeout: LIMIT_MS });

/** The same for migrations, which may take their time. */
export const openForMigrations = (env: NodeJS.ProcessEnv): Pool => open(env, { max: 4, lock_timeout: LOCK_LIMIT_MS });

function open({ DATABASE_URL }: NodeJS.ProcessEnv, settings: PoolConfig): Pool {
  if (!DATABASE_URL) throw new Error('DATABASE_URL is not set. Example: postgres://album@127.0.0.1/album');
  const pool = new Pool({
    connectionString: DATABASE_URL,
    connectionTimeoutMillis: LIMIT_MS,
    application_name: 'album',
    ...settings,
  });
  // An idle connection that the database closed is replaced by itself; without a listener it would end the process.
  pool.on('error', (error) => console.error('A connection to the database was lost:', error.message));
  return pool;
}

import { Pool } from 'pg';

/** How long a query, or the wait for a connection, may take: a visitor gets an answer, and the health check says that something is wrong. */
const LIMIT_MS = 5_000;
const CONNECTIONS = 8;

/** The database that DATABASE_URL names. Throws a sentence when it is not set. */
export function openDatabase({ DATABASE_URL }: NodeJS.ProcessEnv): Pool {
  if (!DATABASE_URL) throw new Error('DATABASE_URL is not set. Example: postgres://album@127.0.0.1/album');
  const pool = new Pool({
    connectionString: DATABASE_URL,
    max: CONNECTIONS,
    connectionTimeoutMillis: LIMIT_MS,
    statement_timeout: LIMIT_MS,
    application_name: 'album',
  });
  // An idle connection that the database closed is replaced by itself; without a listener it would end the process.
  pool.on('error', (error) => console.error('A connection to the database was lost:', error.message));
  return pool;
}

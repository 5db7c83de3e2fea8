import { type Dialect, type Query, type Row, rowsOf } from './database.ts';

/** SQL statements one after another, each answered with its rows; a script is any number of statements, and answered with none. */
export type Statements = Generator<string | { script: string }, void, Row[]>;

/** A database that can be changed in a transaction. */
export interface Changing {
  dialect: Dialect;
  /** Runs the statements on one connection, on which nothing else runs meanwhile; what one throws is thrown into the generator. */
  run(statements: () => Statements): Promise<void>;
}

/** What is used of a pool of `pg`. */
export interface PoolLike {
  query: Query;
  connect(): Promise<ClientLike>;
}
export interface ClientLike {
  query: Query;
  /** True closes the connection instead of keeping it for others. */
  release(destroy?: boolean): void;
  on?(event: 'error', listener: (error: Error) => void): unknown;
  off?(event: 'error', listener: (error: Error) => void): unknown;
}

/** What is used of `DatabaseSync` of node:sqlite, and of a database of better-sqlite3. */
export interface SqliteLike {
  exec(sql: string): unknown;
  prepare(sql: string): { all(): unknown };
}

/** PostgreSQL by a pool of `pg`. */
export function postgres(pool: PoolLike): Changing & { query: Query } {
  return {
    dialect: 'postgres',
    query: (sql) => pool.query(sql),
    async run(statements) {
      const client = await pool.connect();
      let broken = false;
      // Without a listener, a connection that breaks would end the process; whoever waits for an answer is told as well.
      const onError = (): void => {
        broken = true;
      };
      client.on?.('error', onError);
      try {
        const running = statements();
        for (let next = running.next(); !next.done; ) {
          const { value } = next;
          const rows = typeof value === 'string' ? client.query(value).then(rowsOf) : client.query(value.script).then(() => []);
          next = await rows.then(
            (answer) => running.next(answer),
            (error) => running.throw(error),
          );
        }
      } catch (error) {
        broken = true;
        throw error;
      } finally {
        // One that is broken may say so later; it is not used again, and keeps its listener.
        if (!broken) client.off?.('error', onError);
        client.release(broken);
      }
    },
  };
}

/** SQLite by an open database of node:sqlite or better-sqlite3. */
export function sqlite(db: SqliteLike): Changing & { query: (sql: string) => Promise<Row[]> } {
  const all = (sql: string): Row[] => db.prepare(sql).all() as Row[];
  return {
    dialect: 'sqlite',
    query: async (sql) => all(sql),
    // Without a pause, so that nothing else of the app gets between its statements on the same connection.
    async run(statements) {
      const running = statements();
      for (let next = running.next(); !next.done; ) {
        let rows: Row[] = [];
        try {
          const { value } = next;
          // Prepared, a script would be its first statement alone.
          if (typeof value !== 'string') db.exec(value.script);
          else if (value.startsWith('SELECT ')) rows = all(value);
          else db.exec(value);
        } catch (error) {
          next = running.throw(error);
          continue;
        }
        next = running.next(rows);
      }
    },
  };
}

/** Runs statements in a transaction: all of them have an effect, or none. Killed in between, none has. */
export function inTransaction(database: Changing, statements: () => Statements): Promise<void> {
  return database.run(function* () {
    yield database.dialect === 'sqlite' ? 'BEGIN IMMEDIATE' : 'BEGIN';
    try {
      yield* statements();
    } catch (error) {
      try {
        yield 'ROLLBACK';
      } catch {
        // The first error says why; that there is no transaction left to end is a consequence of it.
      }
      throw error;
    }
    yield 'COMMIT';
  });
}

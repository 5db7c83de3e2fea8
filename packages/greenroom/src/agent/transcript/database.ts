import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const VERSION = 1;
/** Writers wait for each other this long, in milliseconds; each write takes less than one. */
const BUSY_TIMEOUT_MS = 10_000;
const BUSY_PAUSE_MS = 10;
const SQLITE_BUSY = 5;

const SCHEMA = `
  CREATE TABLE conversations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    agent TEXT NOT NULL DEFAULT '',
    session TEXT NOT NULL DEFAULT ''
  ) STRICT;
  CREATE TABLE turns (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    message_seq INTEGER NOT NULL,
    message TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    status TEXT NOT NULL,
    runner TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    UNIQUE (conversation, message_id)
  ) STRICT;
  CREATE INDEX open_turns ON turns (status, number) WHERE status IN ('queued', 'running');
  CREATE UNIQUE INDEX one_running ON turns (status) WHERE status = 'running';
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn TEXT NOT NULL,
    kind TEXT NOT NULL,
    attempt TEXT,
    version INTEGER,
    time INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_of ON events (conversation, seq);
  CREATE INDEX attempts_of ON events (conversation, attempt, version) WHERE attempt IS NOT NULL;
  CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    turn TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX requests_of ON requests (turn, id);
  PRAGMA user_version = ${VERSION};
`;

export interface Database {
  sql: DatabaseSync;
  /** Runs it as one transaction that no other writer comes in between of. */
  write<T>(work: () => T): T;
}

/** SQLite does not wait for another process that makes a new file's journal just now: it says at once that the file is locked. */
function useWal(sql: DatabaseSync): void {
  const deadline = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      sql.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== SQLITE_BUSY || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    }
  }
}

/** Opens the file, making it and its folder when they are missing. What was committed is on disk, even if the power fails. */
export function openDatabase(file: string): Database {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const sql = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  // Deleted conversations are overwritten, not only forgotten.
  useWal(sql);
  sql.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
  const database: Database = { sql, write: (work) => transaction(sql, work) };
  if (versionOf(sql) !== VERSION) {
    database.write(() => {
      // Another process may have made it while this one waited.
      if (versionOf(sql) === 0) sql.exec(SCHEMA);
    });
  }
  const version = versionOf(sql);
  if (version !== VERSION) {
    sql.close();
    throw new Error(`${file} was written by a newer version of Greenroom (transcript format ${version}): update this one.`);
  }
  chmodSync(file, 0o600);
  return database;
}

function transaction<T>(sql: DatabaseSync, work: () => T): T {
  sql.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    sql.exec('COMMIT');
    return result;
  } catch (error) {
    // A commit that failed (a full disk) may have rolled back by itself.
    if (sql.isTransaction) sql.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(sql: DatabaseSync): number {
  return Number(sql.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}

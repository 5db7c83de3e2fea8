import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** How long a write waits for another process's write; two versions of the app share the file during a swap. */
const BUSY_TIMEOUT_MS = 5_000;
const BUSY_PAUSE_MS = 10;
const SQLITE_BUSY = 5;
const SESSION_LIFETIME_MS = 90 * 24 * 3_600_000;

export interface Message {
  id: number;
  author: string;
  text: string;
  /** RFC 3339, UTC. */
  at: string;
}

export interface Store {
  /** Newest first. */
  latest(limit: number): Message[];
  /** Oldest first: what came after the given id. */
  after(id: number): Message[];
  add(author: string, text: string): Message;
  /** Writes and reads in one transaction; answers the number of messages. Throws when the database cannot do both. */
  ping(commit: string): number;
  /** The name that a session signed with last; empty when it never did. */
  sessionName(session: string): string;
  rememberName(session: string, name: string): void;
  /** A random value that all versions of the app share, kept in the database; made on first use. */
  secret(): string;
  close(): void;
}

/** SQLite does not wait for another process that makes a new file's journal just now: it says at once that the file is locked. */
function useWal(db: DatabaseSync): void {
  const deadline = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== SQLITE_BUSY || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    }
  }
}

/**
 * Opens `guestbook.db` in the folder. Everything that outlives a request is in it, sessions too, so that any instance can serve any visitor.
 * The schema only ever grows (`IF NOT EXISTS`): the version before this one must go on working on the same file during a swap.
 */
export function openStore(folder: string): Store {
  mkdirSync(folder, { recursive: true });
  const db = new DatabaseSync(join(folder, 'guestbook.db'));
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA synchronous = NORMAL;`);
  useWal(db);
  db.exec(SCHEMA);
  db.prepare('DELETE FROM sessions WHERE seen_at < ?').run(new Date(Date.now() - SESSION_LIFETIME_MS).toISOString());

  const latest = db.prepare('SELECT id, author, text, at FROM messages ORDER BY id DESC LIMIT ?');
  const after = db.prepare('SELECT id, author, text, at FROM messages WHERE id > ? ORDER BY id LIMIT 100');
  const add = db.prepare('INSERT INTO messages (author, text, at) VALUES (?, ?, ?) RETURNING id, author, text, at');
  const count = db.prepare('SELECT count(*) AS n FROM messages');
  const pinged = db.prepare(
    'INSERT INTO pings (id, version, at) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version, at = excluded.at',
  );
  const session = db.prepare('SELECT name FROM sessions WHERE id = ?');
  const remember = db.prepare(
    'INSERT INTO sessions (id, name, seen_at) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at',
  );

  return {
    latest: (limit) => latest.all(limit).map(toMessage),
    after: (id) => after.all(id).map(toMessage),
    add: (author, text) => toMessage(add.get(author, text, new Date().toISOString())),
    ping: (commit) =>
      transaction(db, () => {
        pinged.run(commit, new Date().toISOString());
        return Number(count.get()?.['n']);
      }),
    sessionName: (id) => String(session.get(id)?.['name'] ?? ''),
    rememberName: (id, name) => {
      remember.run(id, name, new Date().toISOString());
    },
    secret: () => {
      db.prepare("INSERT OR IGNORE INTO settings (name, value) VALUES ('secret', hex(randomblob(32)))").run();
      return String(db.prepare("SELECT value FROM settings WHERE name = 'secret'").get()?.['value']);
    },
    close: () => db.close(),
  };
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL, text TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, name TEXT NOT NULL, seen_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pings (id INTEGER PRIMARY KEY, version TEXT NOT NULL, at TEXT NOT NULL);
`;

function toMessage(row: Record<string, unknown> | undefined): Message {
  return { id: Number(row?.['id']), author: String(row?.['author']), text: String(row?.['text']), at: String(row?.['at']) };
}

function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const value = work();
    db.exec('COMMIT');
    return value;
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

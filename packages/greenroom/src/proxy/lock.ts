import { join } from 'node:path';

/** How long to wait for another process that is just looking at the lock. */
const LOCK_WAIT_MS = 200;
const SQLITE_BUSY = 5;

export interface Lock {
  release(): void;
}

/**
 * Takes the one lock of a proxy directory, or answers null when another process has it, or has the next turn. A lock of SQLite's is a lock of the kernel's: it
 * goes with the process, however that dies, and Node offers no other.
 */
export function takeLock(directory: string): Lock | null {
  const turn = takeTurn(directory);
  if (!turn) return null;
  try {
    return takeInTurn(directory);
  } finally {
    turn.release();
  }
}

/** The right to take the lock, which nobody else can have meanwhile: a proxy gives the lock up for its successor and for no other. */
export function takeTurn(directory: string): Lock | null {
  return take(join(directory, 'turn'));
}

/** The lock, for whoever has the turn. */
export function takeInTurn(directory: string): Lock | null {
  return take(join(directory, 'lock'));
}

function take(file: string): Lock | null {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const database = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
  try {
    database.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
  return { release: () => database.close() };
}

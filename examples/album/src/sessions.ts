import { createHash, randomBytes } from 'node:crypto';
import type { Pool } from 'pg';

const COOKIE = 'album';
const LIFETIME_S = 30 * 24 * 3_600;

export interface Session {
  name: string;
  /** May change the album itself, in the chat. */
  editor: boolean;
}

/** Begins a session; answers the header that sets its cookie. The database holds only a hash of what the cookie carries. */
export async function beginSession(db: Pool, { name, editor }: Session, secure: boolean): Promise<string> {
  const token = randomBytes(24).toString('base64url');
  await db.query('INSERT INTO sessions (id, name, editor) VALUES ($1, $2, $3)', [idOf(token), name, editor]);
  await db.query(`DELETE FROM sessions WHERE seen_at < now() - interval '${LIFETIME_S} seconds'`);
  return `${COOKIE}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${LIFETIME_S}${secure ? '; Secure' : ''}`;
}

/** Whose session it is; null for strangers. */
export async function sessionOf(db: Pool, cookies = ''): Promise<Session | null> {
  const token = new RegExp(`(?:^|;\\s*)${COOKIE}=([\\w-]+)`).exec(cookies)?.[1];
  if (token === undefined) return null;
  const { rows } = await db.query<Session>('SELECT name, editor FROM sessions WHERE id = $1', [idOf(token)]);
  return rows[0] ?? null;
}

const idOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

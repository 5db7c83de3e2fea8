import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a link may wait until somebody opens it. */
export const LINK_MINUTES = 10;
/** A session ends that long after its last use, and with the dashboard. */
const SESSION_HOURS = 24;
const MOST_SESSIONS = 100;
const LINK = /^(\d{1,12})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/** Both are needed for every call: the browser sends the cookie to all ports of this machine, the key is kept by the page. */
export interface Session {
  cookie: string;
  key: string;
}

export interface Sessions {
  /** A session for a link's token; null when it is none of this run's, has run out, or was used before. */
  begin(token: string): Session | null;
  holds(session: Partial<Session>): boolean;
  end(cookie: string): void;
}

/** A token for a link that lets one browser in. Whoever can read the run's secret can make one. */
export function createLinkToken(secret: string, now: number = Date.now()): string {
  const text = `${Math.floor(now / 1_000) + LINK_MINUTES * 60}.${randomBytes(16).toString('base64url')}`;
  return `${text}.${signature(secret, text)}`;
}

/** `secret` is of this run alone: no link and no session outlives it, so that whatever listens on the port afterwards gets nothing of use. */
export function createSessions(secret: string, now: () => number = Date.now): Sessions {
  const sessions = new Map<string, { key: Buffer; until: number }>();
  const used = new Map<string, number>();

  return {
    begin(token) {
      const [, until, nonce, signed] = LINK.exec(token) ?? [];
      if (!until || !nonce || !signed) return null;
      if (!timingSafeEqual(Buffer.from(signed), Buffer.from(signature(secret, `${until}.${nonce}`)))) return null;
      for (const [each, end] of used) if (end <= now()) used.delete(each);
      if (Number(until) * 1_000 <= now() || used.has(nonce)) return null;
      used.set(nonce, Number(until) * 1_000);
      const session = { cookie: randomBytes(32).toString('base64url'), key: randomBytes(32).toString('base64url') };
      const [oldest] = sessions.keys();
      if (sessions.size >= MOST_SESSIONS && oldest !== undefined) sessions.delete(oldest);
      sessions.set(digest(session.cookie).toString('hex'), { key: digest(session.key), until: now() + SESSION_HOURS * 3_600_000 });
      return session;
    },
    holds({ cookie = '', key = '' }) {
      const id = digest(cookie).toString('hex');
      const session = sessions.get(id);
      if (!session || session.until <= now() || !timingSafeEqual(session.key, digest(key))) return false;
      // Put last, so that the first is the one that was quiet for longest.
      sessions.delete(id);
      sessions.set(id, { ...session, until: now() + SESSION_HOURS * 3_600_000 });
      return true;
    },
    end: (cookie) => void sessions.delete(digest(cookie).toString('hex')),
  };
}

function signature(secret: string, text: string): string {
  return createHmac('sha256', secret).update(`greenroom dashboard link ${text}`).digest('base64url');
}

/** Looked up and compared by digests: how long that takes tells nothing of what is kept. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ChatCaller } from '@greenroom/sdk/chat';

/** Values of `GREENROOM_CHAT_TOKEN` and `GREENROOM_APPROVE_TOKEN`; empty when not set. */
export interface TokenValues {
  chat: string;
  approve: string;
}

export interface Tokens {
  /** Who has this token; null when it is neither. */
  callerOf(token: string): ChatCaller | null;
  /** The value of a cookie for whoever has this token, and its age in seconds; null when it is neither. */
  login(token: string): { cookie: string; maxAgeSeconds: number } | null;
  /** Who was given this cookie; null when it was not given by us, has run out, or its token is another by now. */
  callerOfCookie(cookie: string): ChatCaller | null;
}

export const MIN_TOKEN_CHARACTERS = 16;
const COOKIE_DAYS = 30;
const COOKIE = /^(chat|approve)\.([0-9a-f]{16})\.(\d{1,12})\.([A-Za-z0-9_-]{43})$/;

type Role = keyof TokenValues;

/** Sentences about tokens that must not be used; without their values. */
export function tokenProblems({ chat, approve }: TokenValues): string[] {
  const short = (name: string, value: string): string[] =>
    value !== '' && value.length < MIN_TOKEN_CHARACTERS
      ? [
          `${name} has ${value.length} characters; a token that keeps others out has at least ${MIN_TOKEN_CHARACTERS}. Make one with: openssl rand -hex 24`,
        ]
      : [];
  const problems = [...short('GREENROOM_CHAT_TOKEN', chat), ...short('GREENROOM_APPROVE_TOKEN', approve)];
  if (chat !== '' && chat === approve) {
    problems.push('GREENROOM_CHAT_TOKEN and GREENROOM_APPROVE_TOKEN are the same: leave the second out when whoever chats may approve.');
  }
  return problems;
}

/** Null when no token is set. The cookies' keys come from the tokens: another token ends every log-in by the old one. */
export function createTokens(values: TokenValues, now: () => number = Date.now): Tokens | null {
  const roles = (['approve', 'chat'] as const).filter((role) => values[role] !== '');
  if (roles.length === 0) return null;
  const keys = new Map<Role, Buffer>(
    roles.map((role) => [role, Buffer.from(hkdfSync('sha256', values[role], 'greenroom chat', `cookie of ${role}`, 32))]),
  );
  // Both sides go through a keyed hash of one length, so that comparing tells nothing of the token, not even how long it is.
  const comparing = randomBytes(32);
  const digest = (text: string): Buffer => createHmac('sha256', comparing).update(text).digest();
  const expected = roles.map((role) => ({ role, digest: digest(values[role]) }));

  const roleOf = (token: string): Role | null => {
    const given = digest(token);
    let found: Role | null = null;
    for (const { role, digest: known } of expected) if (timingSafeEqual(given, known)) found = role;
    return found;
  };
  const caller = (role: Role, id: string): ChatCaller => {
    const approve = role === 'approve' || values.approve === '';
    return { user: { id: `token:${id}`, name: role === 'approve' ? 'Operator' : 'Chat user' }, approve };
  };
  const sign = (role: Role, text: string): string =>
    createHmac('sha256', keys.get(role) ?? '')
      .update(text)
      .digest('base64url');

  return {
    callerOf(token) {
      const role = roleOf(token);
      return role && caller(role, role);
    },
    login(token) {
      const role = roleOf(token);
      if (!role) return null;
      const maxAgeSeconds = COOKIE_DAYS * 86_400;
      const text = `${role}.${randomBytes(8).toString('hex')}.${Math.floor(now() / 1000) + maxAgeSeconds}`;
      return { cookie: `${text}.${sign(role, text)}`, maxAgeSeconds };
    },
    callerOfCookie(cookie) {
      const [, role, id, until, signature] = COOKIE.exec(cookie) ?? [];
      if (!role || !id || !until || !signature || !keys.has(role as Role)) return null;
      const right = sign(role as Role, `${role}.${id}.${until}`);
      if (!timingSafeEqual(Buffer.from(signature), Buffer.from(right)) || Number(until) * 1000 <= now()) return null;
      return caller(role as Role, id);
    },
  };
}

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A visitor, known by a signed random cookie. What is remembered about them is in the database, under `id`. */
export interface Session {
  /** Hash of the cookie's random part: what the database holds cannot be used as a cookie. */
  id: string;
  cookie: string;
  fresh: boolean;
  /** Goes into every form and must come back with it: another site can make a browser send the cookie, but cannot read this. */
  formToken: string;
}

export function readSession(cookie: string | undefined, secret: string): Session {
  const [token = '', signature = ''] = (cookie ?? '').split('.');
  if (token !== '' && same(signature, sign(`cookie:${token}`, secret))) return sessionOf(token, secret, false);
  return sessionOf(randomBytes(24).toString('base64url'), secret, true);
}

/** Equal, in a time that does not depend on where they differ. */
export function same(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function sessionOf(token: string, secret: string, fresh: boolean): Session {
  return {
    id: createHash('sha256').update(token).digest('base64url'),
    cookie: `${token}.${sign(`cookie:${token}`, secret)}`,
    fresh,
    formToken: sign(`form:${token}`, secret),
  };
}

function sign(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** HMAC-SHA-256 of the raw body, in hex: GitHub's header, Gitea's and Forgejo's. GitHub and newer Forgejos write `sha256=` before it. */
const SIGNATURE_HEADERS = ['x-hub-signature-256', 'x-gitea-signature', 'x-forgejo-signature'];
const TOKEN_HEADER = 'x-gitlab-token';

/**
 * Whether the sender knows the secret. Signatures go over the bytes as they came; GitLab sends the secret itself. Compared in constant time. Every
 * signature that is there has to hold, so that no second header can weaken the first.
 */
export function isGenuine(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  const signatures = SIGNATURE_HEADERS.map((it) => headers[it]).filter((it) => it !== undefined);
  if (signatures.length === 0) {
    const token = headers[TOKEN_HEADER];
    return typeof token === 'string' && sameText(token, secret);
  }
  const expected = createHmac('sha256', secret).update(body).digest('hex');
  return signatures.every((it) => typeof it === 'string' && sameText(it.replace(/^sha256=/, '').toLowerCase(), expected));
}

/** Whether there is anything to check at all; refused before the body is read when there is not. */
export function isSigned(headers: IncomingHttpHeaders): boolean {
  return [...SIGNATURE_HEADERS, TOKEN_HEADER].some((it) => headers[it] !== undefined);
}

/** Hashed first, because the comparison wants equal lengths and the secret's must not show. */
function sameText(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

import type { Context } from 'hono';

/** A page of another site can make a name of its own lead here; it cannot make the browser say one of these. */
const OWN_HOST = /^(?:127\.0\.0\.1|localhost)(?::\d{1,5})?$/i;
const READING = new Set(['GET', 'HEAD']);

/** Why a request must not come near anything, as a sentence; null when it may. Before it is known who calls. */
export function refusedHost(c: Context): string | null {
  const host = c.req.header('host') ?? '';
  return OWN_HOST.test(host) ? null : `Host "${host}" is not the dashboard's: open it as 127.0.0.1 or localhost.`;
}

/**
 * Why a call is not taken to come from the dashboard's own page; null when it does. The apps are pages of this machine too, on other ports of the same
 * name: for a browser they are the same site, so that only the same origin counts.
 */
export function refusedCall(c: Context): string | null {
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  if (origin !== undefined && origin.toLowerCase() !== `http://${c.req.header('host')}`.toLowerCase())
    return `Calls of pages from ${URL.canParse(origin) ? new URL(origin).origin : 'elsewhere'} are refused.`;
  if (site !== undefined && site !== 'same-origin') return 'Calls of pages from elsewhere are refused.';
  if (READING.has(c.req.method)) return null;
  if (!/^application\/json\s*(?:;|$)/i.test(c.req.header('content-type') ?? ''))
    return 'A call that changes something has a body of JSON, with content-type: application/json.';
  return null;
}

export const PAGE_HEADERS: Record<string, string> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export const API_HEADERS: Record<string, string> = {
  ...PAGE_HEADERS,
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

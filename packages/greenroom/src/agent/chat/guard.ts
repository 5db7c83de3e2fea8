import { CHAT_CALLER_HEADER, CHAT_REQUEST_HEADER } from '@greenroom/sdk/chat';
import type { Listener } from './access.ts';
import { type ChatContext, type Refused, refused } from './answers.ts';

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Why a request must not come near anything; null when it may. Before it is known who calls. */
export function refusedRequest(c: ChatContext, listener: Listener, loopback: boolean): Refused | null {
  if (listener !== 'app' && c.req.header(CHAT_CALLER_HEADER) !== undefined) {
    return refused(403, 'forbidden', `The header ${CHAT_CALLER_HEADER} is the app's to send, on a socket of its own.`);
  }
  // Any page can make its own name lead to this port; it cannot make the browser say another name than that.
  if (loopback && !LOOPBACK_HOSTS.has(hostName(c.req.header('host') ?? ''))) {
    return refused(403, 'forbidden', `Host "${c.req.header('host') ?? ''}" is not this chat's: open it as 127.0.0.1 or localhost.`);
  }
  return null;
}

/** Why a call is not taken to be meant by the person whose browser sent it; null when it is. No other site may even read. */
export function refusedOrigin(c: ChatContext): Refused | null {
  const reading = READING.has(c.req.method);
  const site = c.req.header('sec-fetch-site');
  const ours = site === undefined ? sameOrigin(c) : site === 'same-origin' || (reading && site === 'none');
  if (!ours) return refused(403, 'forbidden', `Calls of pages from elsewhere${fromWhere(c)} are refused.`);
  if (reading) return null;
  if (c.req.header(CHAT_REQUEST_HEADER) !== '1') {
    return refused(403, 'forbidden', `A call that changes something has the header ${CHAT_REQUEST_HEADER}: 1.`);
  }
  const type = c.req.header('content-type');
  const hasBody = c.req.header('transfer-encoding') !== undefined || Number(c.req.header('content-length') ?? 0) > 0;
  if (type === undefined ? hasBody : !/^application\/json\s*(;|$)/i.test(type)) {
    return refused(415, 'invalid_request', 'The body of a call is JSON, with content-type: application/json.');
  }
  return null;
}

/** For browsers too old to say `Sec-Fetch-Site`, and for what is no browser and says neither. */
function sameOrigin(c: ChatContext): boolean {
  const origin = c.req.header('origin');
  if (origin === undefined) return true;
  const host = URL.canParse(origin) ? new URL(origin).host : '';
  return host !== '' && [c.req.header('host'), c.req.header('x-forwarded-host')].some((name) => name?.toLowerCase() === host);
}

function fromWhere(c: ChatContext): string {
  const origin = c.req.header('origin');
  return origin === undefined || !URL.canParse(origin) ? '' : ` (${new URL(origin).origin})`;
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

/** Where the request comes from, for limits: the proxy says it anew, on a port the connection does. */
export function addressOf(c: ChatContext, listener: Listener): string {
  if (listener === 'tcp' || listener === 'open') return c.env.incoming.socket.remoteAddress ?? '';
  return c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() ?? '';
}

export const API_HEADERS: Record<string, string> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export const PAGE_HEADERS: Record<string, string> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
};

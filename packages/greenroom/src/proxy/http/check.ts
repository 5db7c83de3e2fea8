/**
 * What a request must be beyond what Node's parser asks. The parser (strict) already refuses Content-Length with Transfer-Encoding, repeated
 * or malformed lengths, bare LF, folded lines, a space before the colon, control characters and bad chunks; measured, it lets through:
 * other codings before `chunked`, Transfer-Encoding in HTTP/1.0, missing and repeated Host, a request target of another host, and HTTP/0.9 and 2.0.
 */
import type { IncomingMessage } from 'node:http';
import { valuesOf } from './headers.ts';

/** reg-name, IPv4 or bracketed IPv6, with an optional port. */
const HOST = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/is;

/** Answers why the request is refused, or the path to ask the app for. */
export function checkRequest(request: IncomingMessage): { ok: true; path: string } | { ok: false; reason: string } {
  const { rawHeaders, httpVersion } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return refuse(`HTTP/${httpVersion} is not spoken here`);
  const codings = valuesOf(rawHeaders, 'transfer-encoding');
  const lengths = valuesOf(rawHeaders, 'content-length');
  if (codings.length > 0) {
    if (httpVersion === '1.0') return refuse('Transfer-Encoding in HTTP/1.0');
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') return refuse('a Transfer-Encoding other than "chunked"');
    if (lengths.length > 0) return refuse('both Transfer-Encoding and Content-Length');
  }
  if (lengths.length > 1 || lengths.some((length) => !/^\d{1,15}$/.test(length))) return refuse('a malformed Content-Length');
  const hosts = valuesOf(rawHeaders, 'host');
  if (hosts.length > 1) return refuse('more than one Host');
  const host = hosts[0];
  if (host === undefined ? httpVersion === '1.1' : !HOST.test(host)) return refuse('a missing or malformed Host');
  return checkTarget(request, host);
}

/** The protocol that a request may be upgraded to; null when it is to be treated as an ordinary request. */
export function upgradeProtocol(request: IncomingMessage): string | null {
  const protocols = valuesOf(request.rawHeaders, 'upgrade');
  const protocol = protocols[0]?.trim() ?? '';
  if (protocols.length !== 1 || request.method !== 'GET' || request.httpVersion !== '1.1') return null;
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) return null;
  // HTTP/2 in clear would carry requests past every check here; asking for TLS inside would too.
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~/-]+$/.test(protocol) || /^(?:h2c?|http|tls)(?:\/|$)/i.test(protocol)) return null;
  return protocol;
}

function checkTarget(request: IncomingMessage, host: string | undefined): { ok: true; path: string } | { ok: false; reason: string } {
  const url = request.url ?? '';
  if (url.includes('#')) return refuse('a fragment in the request target');
  if (url.startsWith('/')) return { ok: true, path: url };
  if (url === '*' && request.method === 'OPTIONS') return { ok: true, path: url };
  const absolute = ABSOLUTE_FORM.exec(url);
  if (!absolute) return refuse('a malformed request target');
  const [, authority, rest] = absolute;
  if (authority?.toLowerCase() !== host?.toLowerCase()) return refuse('a request target of another host than Host says');
  return { ok: true, path: rest?.startsWith('/') ? rest : `/${rest}` };
}

function refuse(reason: string): { ok: false; reason: string } {
  return { ok: false, reason };
}

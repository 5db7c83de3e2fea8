/**
 * Header lists as node:http gives them: names and values in turn, in the order, case and number they came in.
 *
 * The proxy is the edge: what a client says about forwarding (`Forwarded`, `X-Forwarded-*`, `X-Real-IP`) is dropped and said anew, so that an
 * app may believe it. Spellings with `_` go too, because CGI-like servers (WSGI, Rack) read them as the same name.
 */
import type { IncomingMessage } from 'node:http';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'proxy']);
/** `Connection: content-length` must not make the proxy drop what frames or addresses the message. */
const NEVER_HOP_BY_HOP = new Set(['host', 'content-length', 'content-type', 'expect', 'trailer']);
const NEVER_IN_TRAILERS = new Set([
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'trailer',
  'expect',
  'authorization',
  'set-cookie',
  'cookie',
]);
const FRAMING_LOOKALIKE = /^(?:host|content-length|transfer-encoding|connection)$/;

export interface RequestHead {
  headers: string[];
  hasBody: boolean;
}

/** The request's header list for the app. `upgrade` is the protocol to ask for, when the request is an upgrade. */
export function requestHeaders(request: IncomingMessage, upgrade: string | null): RequestHead {
  const raw = request.rawHeaders;
  const named = namedByConnection(raw);
  const headers: string[] = [];
  const chunked = valuesOf(raw, 'transfer-encoding').length > 0;
  let host = '';
  let length = false;
  let wantsTrailers = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const lower = name.toLowerCase();
    // node:http throws over an announced trailer where none can follow.
    if (lower === 'trailer' && !chunked) continue;
    if (lower === 'te') wantsTrailers = /(?:^|,)\s*trailers\s*(?:,|;|$)/i.test(value);
    if (HOP_BY_HOP.has(lower) || named.has(lower) || isForwarding(lower) || isLookalike(lower)) continue;
    if (lower === 'content-length') length = true;
    if (lower === 'host') host = value;
    headers.push(name, value);
  }
  if (!host) {
    // HTTP/1.0 may leave it out; the app is spoken to in HTTP/1.1, which may not.
    host = `${bracketed(request.socket.localAddress ?? 'localhost')}:${request.socket.localPort ?? 80}`;
    headers.unshift('Host', host);
  }
  const client = clientAddress(request);
  headers.push('X-Forwarded-For', client, 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', host);
  headers.push('Forwarded', `for=${client.includes(':') ? `"[${client}]"` : client};host="${host}";proto=http`);
  if (chunked) headers.push('Transfer-Encoding', 'chunked');
  // node:http would announce a chunked body for the methods that usually have one.
  else if (!length && /^(?:POST|PUT|PATCH)$/.test(request.method ?? '')) headers.push('Content-Length', '0');
  if (upgrade) headers.push('Connection', 'Upgrade', 'Upgrade', upgrade);
  else if (wantsTrailers) headers.push('Connection', 'TE, keep-alive', 'TE', 'trailers');
  return { headers, hasBody: chunked || (length && request.headers['content-length'] !== '0') };
}

/** The list without the cookies whose name begins with the prefix; the others stay as they are, byte by byte. */
export function withoutCookies(headers: readonly string[], prefix: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string];
    if (name.toLowerCase() !== 'cookie' || !value.includes(prefix)) {
      kept.push(name, value);
      continue;
    }
    const cookies = value.split(';').filter((pair) => !pair.trimStart().startsWith(prefix));
    if (cookies.length > 0) kept.push(name, cookies.join(';').trimStart());
  }
  return kept;
}

/** The app's header list for the client. `chunked` says whether the answer will be sent in chunks. */
export function responseHeaders(raw: readonly string[], chunked: boolean): string[] {
  const named = namedByConnection(raw);
  const hasTransferEncoding = raw.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'transfer-encoding');
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const lower = (raw[i] as string).toLowerCase();
    if (HOP_BY_HOP.has(lower) || named.has(lower)) continue;
    if (lower === 'content-length' && hasTransferEncoding) continue;
    if (lower === 'trailer' && !chunked) continue;
    headers.push(raw[i] as string, raw[i + 1] as string);
  }
  return headers;
}

/** Trailers that may be passed on, as pairs. */
export function trailerPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const lower = (raw[i] as string).toLowerCase();
    if (HOP_BY_HOP.has(lower) || NEVER_IN_TRAILERS.has(lower) || isForwarding(lower) || isLookalike(lower)) continue;
    pairs.push([raw[i] as string, raw[i + 1] as string]);
  }
  return pairs;
}

/** Values of a header, by its lower-case name. */
export function valuesOf(raw: readonly string[], wanted: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as string).toLowerCase() === wanted) values.push(raw[i + 1] as string);
  }
  return values;
}

function namedByConnection(raw: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (const value of valuesOf(raw, 'connection')) {
    for (const name of value.toLowerCase().split(',')) {
      if (!NEVER_HOP_BY_HOP.has(name.trim())) names.add(name.trim());
    }
  }
  return names;
}

function isForwarding(lower: string): boolean {
  const name = lower.replaceAll('_', '-');
  return name === 'forwarded' || name.startsWith('x-forwarded-') || name === 'x-real-ip';
}

function isLookalike(lower: string): boolean {
  return lower.includes('_') && FRAMING_LOOKALIKE.test(lower.replaceAll('_', '-'));
}

function clientAddress(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
}

function bracketed(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return plain.includes(':') ? `[${plain}]` : plain;
}

/**
 * What an HTTP/2 request says, as the bytes of HTTP/1.1 that say the same. node:http2 has refused most of what is malformed before; none of it is left to that.
 * Whoever reads the bytes judges them as strictly as any other client's.
 */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No control character may get into a line: it could end it, and begin another. Nor anything that is no byte, and becomes another one. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** RFC 9113, section 8.2.1. */
const PADDED = /^[\t ]|[\t ]$/;
const PSEUDO = new Set([':method', ':path', ':authority', ':scheme']);
const PSEUDO_VALUE = /^[\x21-\x7e]+$/;
/** Of one connection only; HTTP/2 knows none of them (RFC 9113, section 8.2.2). */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Bytes of a head, in latin1; null for what is malformed. `raw` are names and values in turn, as they came. */
export function requestHead(raw: readonly string[], hasBody: boolean): { head: string; isChunked: boolean } | null {
  const pseudo = new Map<string, string>();
  const cookies: string[] = [];
  let lines = '';
  let host: string | undefined;
  let hasLength = false;
  let inFields = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (name.startsWith(':')) {
      if (!PSEUDO.has(name) || pseudo.has(name) || inFields || !PSEUDO_VALUE.test(value)) return null;
      pseudo.set(name, value);
      continue;
    }
    inFields = true;
    if (!isField(name, value) || (name === 'te' && value.toLowerCase() !== 'trailers')) return null;
    if (name === 'cookie') {
      if (value !== '') cookies.push(value);
    } else if (name === 'host') {
      if (host !== undefined) return null;
      host = value;
    } else {
      if (name === 'content-length') {
        if (!hasBody && !/^0+$/.test(value)) return null;
        hasLength = true;
      }
      // Hop by hop in HTTP/1.1, where `Connection` has to name it.
      lines += name === 'te' ? 'TE: trailers\r\nConnection: TE\r\n' : `${name}: ${value}\r\n`;
    }
  }
  const [method, path, authority = host] = [pseudo.get(':method'), pseudo.get(':path'), pseudo.get(':authority')];
  if (!method || !path || !authority || !pseudo.has(':scheme')) return null;
  if (host !== undefined && host.toLowerCase() !== authority.toLowerCase()) return null;
  if (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) return null;
  // Many small ones in HTTP/2, one in HTTP/1.1 (RFC 9113, section 8.2.3).
  if (cookies.length > 0) lines += `cookie: ${cookies.join('; ')}\r\n`;
  const isChunked = hasBody && !hasLength;
  if (isChunked) lines += 'Transfer-Encoding: chunked\r\n';
  return { head: `${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n${lines}\r\n`, isChunked };
}

/** Trailers as lines; those that are malformed, or would not be trailers, are left out. */
export function trailerLines(raw: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]];
    if (isField(name, value)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function isField(name: string, value: string): boolean {
  return TOKEN.test(name) && !OF_CONNECTION.has(name) && VALUE.test(value) && !PADDED.test(value);
}

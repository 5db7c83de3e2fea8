/** What an HTTP/2 request says, as the bytes of HTTP/1.1 that say the same. Whoever reads those judges them as strictly as any other client's. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No control character may get into a line: it could end it, and begin another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const UNSAFE = /[\0-\x08\x0a-\x1f\x7f]/;
const PSEUDO = new Set([':method', ':path', ':authority', ':scheme']);
/** Of one connection only; HTTP/2 knows none of them (RFC 9113, section 8.2.2). */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Bytes of a head, in latin1; null for what is malformed. `raw` are names and values in turn, as they came. */
export function requestHead(raw: readonly string[], hasBody: boolean): { head: string; isChunked: boolean } | null {
  const pseudo = new Map<string, string>();
  const cookies: string[] = [];
  let lines = '';
  let host: string | undefined;
  let hasLength = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (UNSAFE.test(value)) return null;
    if (name.startsWith(':')) {
      if (!PSEUDO.has(name) || pseudo.has(name) || lines !== '' || value === '' || /\s/.test(value)) return null;
      pseudo.set(name, value);
      continue;
    }
    if (!TOKEN.test(name) || OF_CONNECTION.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers')) return null;
    if (name === 'cookie') cookies.push(value);
    else if (name === 'host') {
      if (host !== undefined) return null;
      host = value;
    } else {
      if (name === 'content-length') hasLength = true;
      // Hop by hop in HTTP/1.1, where `Connection` has to name it.
      lines += name === 'te' ? 'TE: trailers\r\nConnection: TE\r\n' : `${name}: ${value}\r\n`;
    }
  }
  const [method, path, authority = host] = [pseudo.get(':method'), pseudo.get(':path'), pseudo.get(':authority')];
  if (!method || !path || !authority || (host !== undefined && host.toLowerCase() !== authority.toLowerCase())) return null;
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
    if (TOKEN.test(name) && !UNSAFE.test(value) && !OF_CONNECTION.has(name)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

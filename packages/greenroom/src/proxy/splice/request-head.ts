import { CLOSE_BRACKET, COLON, CR, DOT, HASH, HEX, HOST, LF, OPEN_BRACKET, SLASH, SP, TARGET, TOKEN, text } from './bytes.ts';
import {
  AT,
  acceptsTrailers,
  FIELD_KIND,
  FIELD_STRIDE,
  type FieldKind,
  type FieldTable,
  hasTab,
  isChunked,
  lineOf,
  linesWithout,
  marked,
  newConnectionWords,
  newFieldTable,
  readConnection,
  readFields,
  readLength,
  resetConnectionWords,
  withoutNames,
} from './fields.ts';
import { REFUSAL, type Refusal } from './refusals.ts';

/** The body's length in bytes, or one of these. */
export const NO_BODY = 0;
export const CHUNKED_BODY = -1;

/** A request as the proxy takes it: everything that frames or addresses it understood, or refused. */
export interface RequestHead {
  method: string;
  /** In origin form, or `*`. */
  path: string;
  minor: 0 | 1;
  /** Bytes, `NO_BODY` or `CHUNKED_BODY`. */
  body: number;
  /** Whether the client wants the connection kept. */
  keepAlive: boolean;
  expectsContinue: boolean;
  /** The protocol that is asked for; empty when none is, or one that is not passed on. */
  upgrade: string;
  /** Value of `Host`; empty when HTTP/1.0 left it out. */
  host: string;
  /** Values of `Cookie`, as they came; most requests have one or none. */
  cookies: readonly string[];
  acceptsTrailers: boolean;
  /** Whether it names a length, even 0. */
  saysLength: boolean;
  /** Lines that say something of forwarding, or seem to, as they came, each with its CRLF. Most requests have none. */
  forged: string;
  /** Lines for the app, each with its CRLF, without those of this hop, those that frame the body, and what a client says of forwarding. */
  fields: string;
}

export type ParsedRequest = { ok: true; head: RequestHead } | { ok: false; reason: Refusal };

/** Methods that are passed on: those of RFC 9110 without CONNECT, PATCH, and what WebDAV and caches use. */
const METHODS = new Set(
  'GET HEAD POST PUT DELETE OPTIONS TRACE PATCH QUERY ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE M-SEARCH NOTIFY PROPFIND PROPPATCH PURGE REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE'.split(
    ' ',
  ),
);
const NONE: readonly string[] = [];
const NO_LENGTH = -2;
const VERSION = Buffer.from('HTTP/1.', 'latin1');
const VERSION_BYTES = 8;
const MAX_PORT_DIGITS = 5;
const ABSOLUTE_FORM = /^https?:\/\/([^/?]*)(.*)$/is;
const UPGRADE_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~/-]+$/;

/** Of this hop, or of no hop at all; what frames a chunked body and announces its trailers is written anew. */
const OF_THIS_HOP = [
  FIELD_KIND.connection,
  FIELD_KIND.transferEncoding,
  FIELD_KIND.te,
  FIELD_KIND.upgrade,
  FIELD_KIND.trailer,
  FIELD_KIND.hop,
  FIELD_KIND.keepAlive,
  FIELD_KIND.forged,
] as const;
const DROPPED = marked(OF_THIS_HOP);
/** HTTP/1.0 knows no expectations (RFC 9110, section 10.1.1). */
const DROPPED_OF_OLD = marked([...OF_THIS_HOP, FIELD_KIND.expect]);

const TABLE = newFieldTable();
const WORDS = newConnectionWords();

/** Reads a request's head, from `start` to behind its CRLFCRLF at `end`. Nothing ambiguous gets through: see the reasons. */
export function parseRequest(bytes: Buffer, start: number, end: number): ParsedRequest {
  let i = start;
  while (TOKEN[bytes[i] as number] === 1) i += 1;
  const method = i - start === GET.length && isGet(bytes, start) ? 'GET' : text(bytes, start, i);
  if (i === start || bytes[i] !== SP) return refuse(REFUSAL.requestLine);
  if (!METHODS.has(method)) return refuse(REFUSAL.method);
  const target = i + 1;
  i = target;
  while (i < end && TARGET[bytes[i] as number] === 1) i += 1;
  if (bytes[i] === HASH) return refuse(REFUSAL.fragment);
  if (i === target || bytes[i] !== SP) return refuse(REFUSAL.target);
  const minor = readVersion(bytes, i + 1);
  if (minor === -1) return refuse(REFUSAL.version);
  if (minor === -2) return refuse(REFUSAL.lineEnd);
  const problem = readFields(bytes, i + 1 + VERSION_BYTES + 2, end, TABLE);
  if (problem !== '') return refuse(problem);
  const head = readMeaning(bytes, TABLE, method, minor);
  if (typeof head === 'string') return refuse(head);
  head.path = originForm(text(bytes, target, i), method, head.host);
  if (head.path === '') return refuse(REFUSAL.otherTarget);
  return { ok: true, head };
}

/** Nearly every request's, which then needs no text of its own. */
const GET = Buffer.from('GET', 'latin1');
const isGet = (bytes: Buffer, at: number): boolean => bytes[at] === GET[0] && bytes[at + 1] === GET[1] && bytes[at + 2] === GET[2];

/** What the headers say, with those that are passed on, and still without its path; or why they are refused. */
function readMeaning(bytes: Buffer, table: FieldTable, method: string, minor: 0 | 1): RequestHead | Refusal {
  const { count, places } = table;
  let hosts = 0;
  let host = '';
  let length = NO_LENGTH;
  let chunked = false;
  let expectsContinue = false;
  let trailers = false;
  let upgrade = '';
  let upgrades = 0;
  resetConnectionWords(WORDS);
  let cookies: string[] | null = null;
  let announced = '';
  let forged = '';
  for (let row = 0; row < count * FIELD_STRIDE; row += FIELD_STRIDE) {
    const kind = places[row + AT.kind] as FieldKind;
    const value = places[row + AT.value] as number;
    const valueEnd = places[row + AT.valueEnd] as number;
    switch (kind) {
      case FIELD_KIND.host:
        hosts += 1;
        if (!isHost(bytes, value, valueEnd) || hasTab(bytes, places, row)) return REFUSAL.hostForm;
        host = text(bytes, value, valueEnd);
        break;
      case FIELD_KIND.cookie:
        cookies ??= [];
        cookies.push(text(bytes, value, valueEnd));
        break;
      case FIELD_KIND.contentLength:
        if (length !== NO_LENGTH) return REFUSAL.lengthTwice;
        length = readLength(bytes, value, valueEnd);
        if (length === -1 || hasTab(bytes, places, row)) return REFUSAL.lengthForm;
        break;
      case FIELD_KIND.transferEncoding:
        if (chunked) return REFUSAL.codingTwice;
        if (minor === 0) return REFUSAL.codingInOld;
        if (!isChunked(bytes, value, valueEnd) || hasTab(bytes, places, row)) return REFUSAL.coding;
        chunked = true;
        break;
      case FIELD_KIND.connection:
        readConnection(bytes, value, valueEnd, WORDS);
        break;
      case FIELD_KIND.te:
        trailers ||= acceptsTrailers(bytes, value, valueEnd);
        break;
      case FIELD_KIND.upgrade:
        upgrades += 1;
        upgrade = text(bytes, value, valueEnd);
        break;
      case FIELD_KIND.expect:
        if (text(bytes, value, valueEnd).toLowerCase() === '100-continue') expectsContinue = minor === 1;
        break;
      case FIELD_KIND.trailer:
        announced += lineOf(bytes, places, row);
        break;
      case FIELD_KIND.forged:
        forged += lineOf(bytes, places, row);
        break;
      default:
        break;
    }
  }
  if (chunked && length !== NO_LENGTH) return REFUSAL.bothLengths;
  if (hosts > 1) return REFUSAL.hostTwice;
  if (hosts === 0 && minor === 1) return REFUSAL.noHost;
  let fields = withoutNames(linesWithout(bytes, table, minor === 1 ? DROPPED : DROPPED_OF_OLD), WORDS.names);
  const body = chunked ? CHUNKED_BODY : length === NO_LENGTH ? NO_BODY : length;
  // Where no trailer can follow, none is announced.
  if (chunked) fields += announced;
  const isUpgrade =
    method === 'GET' && WORDS.upgrade && upgrades === 1 && minor === 1 && !chunked && length === NO_LENGTH && mayUpgrade(upgrade);
  return {
    method,
    path: '',
    minor,
    body,
    keepAlive: !WORDS.close && (minor === 1 || WORDS.keepAlive),
    expectsContinue: expectsContinue && body !== NO_BODY,
    upgrade: isUpgrade ? upgrade : '',
    host,
    cookies: cookies ?? NONE,
    acceptsTrailers: trailers,
    forged,
    fields,
    saysLength: length !== NO_LENGTH,
  };
}

/** `HTTP/1.1` or `HTTP/1.0` with its CRLF: the minor version; -1 for another version, -2 for another end of the line. */
function readVersion(bytes: Buffer, at: number): 0 | 1 | -1 | -2 {
  for (let i = 0; i < VERSION.length; i += 1) if (bytes[at + i] !== VERSION[i]) return -1;
  const minor = (bytes[at + VERSION.length] as number) - 0x30;
  const next = bytes[at + VERSION_BYTES];
  if ((minor !== 0 && minor !== 1) || (next !== CR && next !== LF)) return -1;
  return next === CR && bytes[at + VERSION_BYTES + 1] === LF ? minor : -2;
}

/** A name, an IPv4 address or an IPv6 one in brackets, with or without a port. */
function isHost(bytes: Buffer, start: number, end: number): boolean {
  let i = start;
  if (bytes[i] === OPEN_BRACKET) {
    i += 1;
    while (i < end && (HEX[bytes[i] as number] !== 255 || bytes[i] === COLON || bytes[i] === DOT)) i += 1;
    if (i === start + 1 || i === end || bytes[i] !== CLOSE_BRACKET) return false;
    i += 1;
  } else while (i < end && HOST[bytes[i] as number] === 1) i += 1;
  if (i === start) return false;
  if (i === end) return true;
  if (bytes[i] !== COLON || end - i > MAX_PORT_DIGITS + 1) return false;
  for (i += 1; i < end; i += 1) if ((bytes[i] as number) < 0x30 || (bytes[i] as number) > 0x39) return false;
  return true;
}

/** The path to ask the app for; empty when the target is malformed or of another host. */
function originForm(target: string, method: string, host: string): string {
  if (target.charCodeAt(0) === SLASH) return target;
  if (target === '*') return method === 'OPTIONS' ? target : '';
  const absolute = ABSOLUTE_FORM.exec(target);
  const [, authority = '', rest = ''] = absolute ?? [];
  if (!absolute || authority === '' || authority.toLowerCase() !== host.toLowerCase()) return '';
  // RFC 9112, section 3.2.4.
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`;
}

/** HTTP/2 in clear would carry requests past every check here; asking for TLS inside would too. */
function mayUpgrade(protocol: string): boolean {
  return UPGRADE_NAME.test(protocol) && !/^(?:h2c?|http|tls)(?:\/|$)/i.test(protocol);
}

function refuse(reason: Refusal): ParsedRequest {
  return { ok: false, reason };
}

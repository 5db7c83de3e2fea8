import { COLON, COMMA, CR, FIELD, HT, isName, LF, lower, SP, TOKEN, text, UNDERSCORE } from './bytes.ts';
import { type FieldRefusal, REFUSAL } from './refusals.ts';

/** What the proxy knows of a header by its name. */
export const FIELD_KIND = {
  /** Passed on as it is. */
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  te: 5,
  upgrade: 6,
  expect: 7,
  trailer: 8,
  cookie: 9,
  date: 10,
  contentType: 11,
  /** Of this hop only: `Keep-Alive`, `Proxy-Connection`. */
  hop: 12,
  keepAlive: 13,
  /** What a client says about forwarding: `Forwarded`, `X-Forwarded-*`, `X-Real-IP`, `Proxy`, and any of these or of the framing names spelt with `_`. */
  forged: 14,
} as const;
export type FieldKind = (typeof FIELD_KIND)[keyof typeof FIELD_KIND];

const NAMES: [string, FieldKind][] = [
  ['host', FIELD_KIND.host],
  ['connection', FIELD_KIND.connection],
  ['content-length', FIELD_KIND.contentLength],
  ['transfer-encoding', FIELD_KIND.transferEncoding],
  ['te', FIELD_KIND.te],
  ['upgrade', FIELD_KIND.upgrade],
  ['expect', FIELD_KIND.expect],
  ['trailer', FIELD_KIND.trailer],
  ['cookie', FIELD_KIND.cookie],
  ['date', FIELD_KIND.date],
  ['content-type', FIELD_KIND.contentType],
  ['keep-alive', FIELD_KIND.keepAlive],
  ['proxy-connection', FIELD_KIND.hop],
  ['proxy', FIELD_KIND.forged],
  ['forwarded', FIELD_KIND.forged],
  ['x-real-ip', FIELD_KIND.forged],
];
/** Known names by their length, so that most names are compared with none. */
const BY_LENGTH: (readonly { name: Uint8Array; kind: FieldKind }[] | undefined)[] = [];
for (const [name, kind] of NAMES) BY_LENGTH[name.length] = [...(BY_LENGTH[name.length] ?? []), { name: lower(name), kind }];
const X_FORWARDED = lower('x-forwarded-');
/** Names that CGI-like servers cannot tell from these when a hyphen is written as `_`. */
const LOOKALIKES = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'forwarded', 'x-real-ip', 'proxy']);

/** More than any honest message has; a head of the shortest lines would have about this many within its limit of bytes. */
const MAX_FIELDS = 3_000;
const STRIDE = 6;

/** Where the headers of one head lie in its bytes. Filled again for the next head: it belongs to whoever reads now. */
export interface FieldTable {
  count: number;
  places: Int32Array;
}

export const newFieldTable = (): FieldTable => ({ count: 0, places: new Int32Array(MAX_FIELDS * STRIDE) });

/** Columns of a table: `places[row * FIELD_STRIDE + AT.line]`. Lines end behind their CRLF; values are without the space around them. */
export const FIELD_STRIDE = STRIDE;
export const AT = { kind: 0, line: 1, nameEnd: 2, value: 3, valueEnd: 4, lineEnd: 5 } as const;

/**
 * Reads header lines up to the empty one, which has to be there before `end`. Answers what is wrong; empty when nothing is. What is behind the
 * empty line is not looked at.
 */
export function readFields(bytes: Buffer, start: number, end: number, into: FieldTable): FieldRefusal | '' {
  const { places } = into;
  into.count = 0;
  let at = start;
  for (;;) {
    const first = bytes[at] as number;
    if (first === CR && bytes[at + 1] === LF) return '';
    if (first === SP || first === HT) return REFUSAL.folded;
    if (first === CR || first === LF) return REFUSAL.lineEnd;
    let i = at;
    while (TOKEN[bytes[i] as number] === 1) i += 1;
    if (i === at || bytes[i] !== COLON) return REFUSAL.name;
    if (into.count === MAX_FIELDS) return REFUSAL.count;
    const row = into.count * STRIDE;
    places[row + AT.kind] = kindOf(bytes, at, i);
    places[row + AT.line] = at;
    places[row + AT.nameEnd] = i;
    i += 1;
    while (bytes[i] === SP || bytes[i] === HT) i += 1;
    const value = i;
    while (i < end && FIELD[bytes[i] as number] === 1) i += 1;
    if (bytes[i] !== CR) return bytes[i] === LF ? REFUSAL.lineEnd : REFUSAL.control;
    if (bytes[i + 1] !== LF) return REFUSAL.lineEnd;
    at = i + 2;
    while (i > value && (bytes[i - 1] === SP || bytes[i - 1] === HT)) i -= 1;
    places[row + AT.value] = value;
    places[row + AT.valueEnd] = i;
    places[row + AT.lineEnd] = at;
    into.count += 1;
  }
}

/** Whether there is a tab around the value: white space by the grammar, but not for every recipient. */
export function hasTab(bytes: Buffer, places: Int32Array, row: number): boolean {
  for (let i = (places[row + AT.nameEnd] as number) + 1; i < (places[row + AT.value] as number); i += 1) if (bytes[i] === HT) return true;
  for (let i = places[row + AT.valueEnd] as number; bytes[i] !== CR; i += 1) if (bytes[i] === HT) return true;
  return false;
}

/** A line as it came, with its CRLF. */
export function lineOf(bytes: Buffer, places: Int32Array, row: number): string {
  return text(bytes, places[row + AT.line] as number, places[row + AT.lineEnd] as number);
}

/** The lines of a table as they came, without those whose kind is marked in `dropped`. */
export function linesWithout(bytes: Buffer, { count, places }: FieldTable, dropped: Uint8Array): string {
  if (count === 0) return '';
  let lines = '';
  /** Lines from here on are kept and not copied yet. */
  let kept = places[AT.line] as number;
  let row = 0;
  for (; row < count * STRIDE; row += STRIDE) {
    if (dropped[places[row + AT.kind] as number] !== 1) continue;
    const line = places[row + AT.line] as number;
    if (line > kept) lines += text(bytes, kept, line);
    kept = places[row + AT.lineEnd] as number;
  }
  const end = places[row - STRIDE + AT.lineEnd] as number;
  return end > kept ? lines + text(bytes, kept, end) : lines;
}

/** Marks kinds, for `linesWithout`. */
export function marked(kinds: readonly FieldKind[]): Uint8Array {
  const marks = new Uint8Array(Object.keys(FIELD_KIND).length);
  for (const kind of kinds) marks[kind] = 1;
  return marks;
}

export function kindOf(bytes: Buffer, start: number, end: number): FieldKind {
  const length = end - start;
  const known = BY_LENGTH[length];
  if (known !== undefined) {
    for (let i = 0; i < known.length; i += 1) {
      const { name, kind } = known[i] as { name: Uint8Array; kind: FieldKind };
      if (isName(bytes, start, name)) return kind;
    }
  }
  if (length > X_FORWARDED.length && isName(bytes, start, X_FORWARDED)) return FIELD_KIND.forged;
  for (let i = start; i < end; i += 1) if (bytes[i] === UNDERSCORE) return kindOfLookalike(text(bytes, start, end));
  return FIELD_KIND.other;
}

function kindOfLookalike(spelt: string): FieldKind {
  const name = spelt.toLowerCase().replaceAll('_', '-');
  return LOOKALIKES.has(name) || name.startsWith('x-forwarded-') ? FIELD_KIND.forged : FIELD_KIND.other;
}

/** What `Connection` may not make a proxy drop: it frames or addresses the message. */
const NEVER_DROPPED = new Set(['host', 'content-length', 'content-type', 'expect', 'trailer', 'cookie', 'authorization', 'set-cookie']);
/** Its usual words, which name no header that would still be there. */
const CONNECTION_WORDS = new Set(['close', 'keep-alive', 'upgrade', 'te', 'proxy-connection', '']);

export interface ConnectionWords {
  close: boolean;
  keepAlive: boolean;
  upgrade: boolean;
  /** Other headers that are of this hop only, in lower case. A set: a head can name thousands, and have as many lines to compare them with. Null for none. */
  names: Set<string> | null;
}

export const newConnectionWords = (): ConnectionWords => ({ close: false, keepAlive: false, upgrade: false, names: null });

export function resetConnectionWords(words: ConnectionWords): void {
  words.close = false;
  words.keepAlive = false;
  words.upgrade = false;
  words.names = null;
}

const KEEP_ALIVE = lower('keep-alive');
const CLOSE = lower('close');

/** Reads the value of a `Connection` header. */
export function readConnection(bytes: Buffer, start: number, end: number, into: ConnectionWords): void {
  // Nearly always it is one of these two alone.
  if (end - start === KEEP_ALIVE.length && isName(bytes, start, KEEP_ALIVE)) into.keepAlive = true;
  else if (end - start === CLOSE.length && isName(bytes, start, CLOSE)) into.close = true;
  else readConnectionList(text(bytes, start, end).toLowerCase(), into);
}

function readConnectionList(value: string, into: ConnectionWords): void {
  for (const part of value.split(',')) {
    const word = part.trim();
    if (word === 'close') into.close = true;
    else if (word === 'keep-alive') into.keepAlive = true;
    else if (word === 'upgrade') into.upgrade = true;
    if (!CONNECTION_WORDS.has(word) && !NEVER_DROPPED.has(word)) {
      into.names ??= new Set();
      into.names.add(word);
    }
  }
}

/** Drops the lines of the named headers from a block of header lines. */
export function withoutNames(block: string, names: ReadonlySet<string> | null): string {
  if (names === null) return block;
  let kept = '';
  for (const line of block.split('\r\n')) {
    if (line !== '' && !names.has(line.slice(0, line.indexOf(':')).toLowerCase())) kept += `${line}\r\n`;
  }
  return kept;
}

/** Digits only, at most fifteen, so that it counts exactly; -1 for anything else. */
export function readLength(bytes: Buffer, start: number, end: number): number {
  if (end - start < 1 || end - start > 15) return -1;
  let length = 0;
  for (let i = start; i < end; i += 1) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

const CHUNKED = lower('chunked');

/** Whether the value is `chunked` and nothing else. */
export function isChunked(bytes: Buffer, start: number, end: number): boolean {
  return end - start === CHUNKED.length && isName(bytes, start, CHUNKED);
}

/** Whether a list has `trailers` in it. */
export function acceptsTrailers(bytes: Buffer, start: number, end: number): boolean {
  for (const item of text(bytes, start, end).toLowerCase().split(String.fromCharCode(COMMA))) {
    if (item.split(';', 1)[0]?.trim() === 'trailers') return true;
  }
  return false;
}

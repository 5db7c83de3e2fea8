import { BACKSLASH, CR, EQUALS, FIELD, HEX, LF, QUOTE, SEMICOLON, TOKEN, text } from './bytes.ts';
import { AT, FIELD_KIND, FIELD_STRIDE, type FieldKind, lineOf, newFieldTable, readFields } from './fields.ts';
import { EMPTY } from './writes.ts';

/** What the scanner waits for next. */
export const CHUNK_STATE = {
  /** The first digit of a size. */
  sizeStart: 0,
  /** More digits, `;` or CR. */
  size: 1,
  /** The first character of an extension's name. */
  extensionStart: 2,
  /** LF after a size. */
  sizeLf: 3,
  /** Bytes of the chunk. */
  data: 4,
  /** CR after the bytes. */
  dataCr: 5,
  dataLf: 6,
  /** The trailer section, up to its empty line. */
  trailer: 7,
  done: 8,
  broken: 9,
  /** More of an extension's name, `=`, `;` or CR. */
  extensionName: 10,
  /** The first character of an extension's value, or a quote. */
  extensionValueStart: 11,
  extensionValue: 12,
  extensionQuoted: 13,
  /** Whatever follows a backslash between quotes. */
  extensionQuotedPair: 14,
  /** Behind the quotes: `;` or CR. */
  extensionEnd: 15,
} as const;
export type ChunkState = (typeof CHUNK_STATE)[keyof typeof CHUNK_STATE];

/** Sizes above this many hexadecimal digits do not count exactly, and no chunk is that large. */
const MAX_SIZE_DIGITS = 12;
/** Of one body in all its chunks: extensions are dropped, so that a client could make the proxy read without end what nobody gets. */
const MAX_EXTENSION_BYTES = 4 * 1024;
const MAX_TRAILER_BYTES = 8 * 1024;
const TABLE = newFieldTable();
/** Trailers of these kinds would frame or address the message after the fact. */
const NEVER_IN_TRAILERS: ReadonlySet<FieldKind> = new Set([
  FIELD_KIND.host,
  FIELD_KIND.connection,
  FIELD_KIND.contentLength,
  FIELD_KIND.transferEncoding,
  FIELD_KIND.te,
  FIELD_KIND.upgrade,
  FIELD_KIND.expect,
  FIELD_KIND.trailer,
  FIELD_KIND.cookie,
  FIELD_KIND.contentType,
  FIELD_KIND.hop,
  FIELD_KIND.keepAlive,
  FIELD_KIND.forged,
]);
const NEVER_IN_TRAILERS_BY_NAME = new Set(['content-encoding', 'content-range', 'authorization', 'set-cookie']);

/** Finds the end of a chunked body (RFC 9112, section 7.1), strictly: no bare LF, no space around sizes, no trailer that frames the message. */
export interface ChunkScanner {
  state: ChunkState;
  /** Lines of the trailer section that may be passed on, each with its CRLF; complete when the state is `done`. */
  trailers: string;
  /**
   * Looks at bytes from `start`. Answers where the part ends that belongs to the body: the end of the bytes, or behind the body when the state is `done`.
   * The places of the chunks' own bytes are added to `runs`, beginning and end in turn.
   */
  scan(bytes: Buffer, start: number, runs: number[]): number;
}

export function createChunkScanner(): ChunkScanner {
  let left = 0;
  let digits = 0;
  let extension = 0;
  /** Bytes of a trailer section that came in more than one piece. */
  let held: Buffer | null = null;

  const scanner: ChunkScanner = { state: CHUNK_STATE.sizeStart, trailers: '', scan };
  return scanner;

  function scan(bytes: Buffer, start: number, runs: number[]): number {
    let i = start;
    const end = bytes.length;
    while (i < end) {
      switch (scanner.state) {
        case CHUNK_STATE.data: {
          const to = Math.min(end, i + left);
          runs.push(i, to);
          left -= to - i;
          i = to;
          if (left === 0) scanner.state = CHUNK_STATE.dataCr;
          continue;
        }
        case CHUNK_STATE.trailer:
          i = scanTrailer(bytes, i);
          continue;
        case CHUNK_STATE.done:
        case CHUNK_STATE.broken:
          return i;
        default:
          scanner.state = next(bytes[i] as number);
          i += 1;
      }
    }
    return i;
  }

  function next(byte: number): ChunkState {
    switch (scanner.state) {
      case CHUNK_STATE.sizeStart: {
        const digit = HEX[byte] as number;
        if (digit === 255) return CHUNK_STATE.broken;
        left = digit;
        digits = 1;
        return CHUNK_STATE.size;
      }
      case CHUNK_STATE.size: {
        const digit = HEX[byte] as number;
        if (digit !== 255) {
          digits += 1;
          left = left * 16 + digit;
          return digits > MAX_SIZE_DIGITS ? CHUNK_STATE.broken : CHUNK_STATE.size;
        }
        return afterExtension(byte);
      }
      case CHUNK_STATE.sizeLf:
        if (byte !== LF) return CHUNK_STATE.broken;
        return left === 0 ? CHUNK_STATE.trailer : CHUNK_STATE.data;
      case CHUNK_STATE.dataCr:
        return byte === CR ? CHUNK_STATE.dataLf : CHUNK_STATE.broken;
      case CHUNK_STATE.dataLf:
        return byte === LF ? CHUNK_STATE.sizeStart : CHUNK_STATE.broken;
      default:
        extension += 1;
        return extension > MAX_EXTENSION_BYTES ? CHUNK_STATE.broken : nextOfExtension(byte);
    }
  }

  /** `;name`, `;name=value` or `;name="quoted value"`, without space around (RFC 9112, section 7.1.1). */
  function nextOfExtension(byte: number): ChunkState {
    switch (scanner.state) {
      case CHUNK_STATE.extensionStart:
        return TOKEN[byte] === 1 ? CHUNK_STATE.extensionName : CHUNK_STATE.broken;
      case CHUNK_STATE.extensionName:
        if (TOKEN[byte] === 1) return CHUNK_STATE.extensionName;
        return byte === EQUALS ? CHUNK_STATE.extensionValueStart : afterExtension(byte);
      case CHUNK_STATE.extensionValueStart:
        if (byte === QUOTE) return CHUNK_STATE.extensionQuoted;
        return TOKEN[byte] === 1 ? CHUNK_STATE.extensionValue : CHUNK_STATE.broken;
      case CHUNK_STATE.extensionValue:
        return TOKEN[byte] === 1 ? CHUNK_STATE.extensionValue : afterExtension(byte);
      case CHUNK_STATE.extensionQuoted:
        if (byte === QUOTE) return CHUNK_STATE.extensionEnd;
        if (byte === BACKSLASH) return CHUNK_STATE.extensionQuotedPair;
        return FIELD[byte] === 1 ? CHUNK_STATE.extensionQuoted : CHUNK_STATE.broken;
      case CHUNK_STATE.extensionQuotedPair:
        return FIELD[byte] === 1 ? CHUNK_STATE.extensionQuoted : CHUNK_STATE.broken;
      default:
        // extensionEnd: the others are not of an extension.
        return afterExtension(byte);
    }
  }

  /** Waits for the whole trailer section, most often only its empty line. */
  function scanTrailer(bytes: Buffer, start: number): number {
    const before = held?.length ?? 0;
    const section: Buffer = held ? Buffer.concat([held, bytes.subarray(start)]) : bytes.subarray(start);
    const end = endOfTrailer(section);
    if (end === -1 || end > MAX_TRAILER_BYTES) {
      if (section.length > MAX_TRAILER_BYTES || hasBareLineEnd(section)) scanner.state = CHUNK_STATE.broken;
      else held = Buffer.from(section);
      return bytes.length;
    }
    held = null;
    scanner.state = readFields(section, 0, end, TABLE) === '' && takeTrailers(section) ? CHUNK_STATE.done : CHUNK_STATE.broken;
    return start + end - before;
  }

  function takeTrailers(section: Buffer): boolean {
    const { count, places } = TABLE;
    for (let row = 0; row < count * FIELD_STRIDE; row += FIELD_STRIDE) {
      const kind = places[row + AT.kind] as FieldKind;
      // A second framing at the end of the body has no honest reason.
      if (kind === FIELD_KIND.contentLength || kind === FIELD_KIND.transferEncoding) return false;
      const name = text(section, places[row + AT.line] as number, places[row + AT.nameEnd] as number).toLowerCase();
      if (NEVER_IN_TRAILERS.has(kind) || NEVER_IN_TRAILERS_BY_NAME.has(name)) continue;
      scanner.trailers += lineOf(section, places, row);
    }
    return true;
  }
}

function afterExtension(byte: number): ChunkState {
  if (byte === CR) return CHUNK_STATE.sizeLf;
  return byte === SEMICOLON ? CHUNK_STATE.extensionStart : CHUNK_STATE.broken;
}

/** The bytes of the runs, one behind the other. */
export function gather(bytes: Buffer, runs: readonly number[]): Buffer {
  if (runs.length === 0) return EMPTY;
  if (runs.length === 2) return bytes.subarray(runs[0], runs[1]);
  const parts: Buffer[] = [];
  for (let i = 0; i < runs.length; i += 2) parts.push(bytes.subarray(runs[i], runs[i + 1]));
  return Buffer.concat(parts);
}

/** Behind the empty line, or -1. */
function endOfTrailer(section: Buffer): number {
  if (section.length >= 2 && section[0] === CR && section[1] === LF) return 2;
  const at = section.indexOf('\r\n\r\n');
  return at === -1 ? -1 : at + 4;
}

/** A line that ends otherwise than by CRLF will never end the section: no need to wait for more of it. */
function hasBareLineEnd(section: Buffer): boolean {
  for (let at = section.indexOf(LF); at !== -1; at = section.indexOf(LF, at + 1)) if (at === 0 || section[at - 1] !== CR) return true;
  return false;
}

import { CR, FIELD, HEX, LF, SEMICOLON, text } from './bytes.ts';
import { AT, FIELD_KIND, FIELD_STRIDE, type FieldKind, newFieldTable, readFields } from './fields.ts';

/** What the scanner waits for next. */
export const CHUNK_STATE = {
  /** The first digit of a size. */
  sizeStart: 0,
  /** More digits, `;` or CR. */
  size: 1,
  /** An extension, up to CR. */
  extension: 2,
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
} as const;
export type ChunkState = (typeof CHUNK_STATE)[keyof typeof CHUNK_STATE];

/** Sizes above this many hexadecimal digits do not count exactly, and no chunk is that large. */
const MAX_SIZE_DIGITS = 12;
const MAX_EXTENSION_BYTES = 256;
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
  /** Whether an extension was there: it is not passed on. */
  extended: boolean;
  /**
   * Looks at bytes from `start`. Answers where the part ends that belongs to the body: the end of the bytes, or behind the body when the state is `done`.
   * `data` is called with each run of the chunks' own bytes.
   */
  scan(bytes: Buffer, start: number, data: (from: number, to: number) => void): number;
}

export function createChunkScanner(): ChunkScanner {
  let left = 0;
  let digits = 0;
  let extension = 0;
  /** Bytes of a trailer section that came in more than one piece. */
  let held: Buffer | null = null;

  const scanner: ChunkScanner = { state: CHUNK_STATE.sizeStart, trailers: '', extended: false, scan };
  return scanner;

  function scan(bytes: Buffer, start: number, data: (from: number, to: number) => void): number {
    let i = start;
    const end = bytes.length;
    while (i < end) {
      switch (scanner.state) {
        case CHUNK_STATE.data: {
          const to = Math.min(end, i + left);
          data(i, to);
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
          // The empty line may be the very next thing: it is part of the trailer section.
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
        if (byte === CR) return CHUNK_STATE.sizeLf;
        if (byte !== SEMICOLON) return CHUNK_STATE.broken;
        extension = 0;
        scanner.extended = true;
        return CHUNK_STATE.extension;
      }
      case CHUNK_STATE.extension:
        extension += 1;
        if (byte === CR) return CHUNK_STATE.sizeLf;
        return FIELD[byte] === 1 && extension <= MAX_EXTENSION_BYTES ? CHUNK_STATE.extension : CHUNK_STATE.broken;
      case CHUNK_STATE.sizeLf:
        if (byte !== LF) return CHUNK_STATE.broken;
        return left === 0 ? CHUNK_STATE.trailer : CHUNK_STATE.data;
      case CHUNK_STATE.dataCr:
        return byte === CR ? CHUNK_STATE.dataLf : CHUNK_STATE.broken;
      case CHUNK_STATE.dataLf:
        return byte === LF ? CHUNK_STATE.sizeStart : CHUNK_STATE.broken;
      default:
        return CHUNK_STATE.broken;
    }
  }

  /** Waits for the whole trailer section, most often only its empty line. */
  function scanTrailer(bytes: Buffer, start: number): number {
    const before = held?.length ?? 0;
    const section: Buffer = held ? Buffer.concat([held, bytes.subarray(start)]) : bytes.subarray(start);
    const end = endOfTrailer(section);
    if (end === -1) {
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
      scanner.trailers += text(section, places[row + AT.line] as number, places[row + AT.lineEnd] as number);
    }
    return true;
  }
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

import { CR, FIELD, isName, LF, lower, SP, TOKEN, text } from './bytes.ts';
import {
  AT,
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
import { ANSWER_REFUSAL, type AnswerRefusal } from './refusals.ts';

/** How an answer's body ends: after a number of bytes, or in one of these ways. */
export const CHUNKED_ANSWER = -1;
export const UNTIL_CLOSE = -2;

export interface ResponseHead {
  status: number;
  /** `HTTP/1.1 200 OK`, of our version. */
  statusLine: string;
  /** Bytes, `CHUNKED_ANSWER` or `UNTIL_CLOSE`; what HEAD, 204 and 304 make of it is not in it. */
  body: number;
  /** Whether the answer ends with the connection. */
  endsByClose: boolean;
  /** Whether the app lets its connection be used again. */
  keepAlive: boolean;
  /** Milliseconds after which the app closes an idle connection, as it says; 0 when it does not. */
  idleMs: number;
  isEventStream: boolean;
  hasDate: boolean;
  /** Lines for the client, each with its CRLF, without those of this hop, without Trailer, and without Content-Length where none may be. */
  fields: string;
  /** Lines left out of `fields`, for whoever sends trailers. */
  trailerField: string;
  /** All lines as they came, for a 101. */
  raw: string;
}

export type ParsedResponse = { ok: true; head: ResponseHead } | { ok: false; reason: AnswerRefusal };

/** Of this hop, and what whoever frames the answer for the client adds again. */
const OF_THIS_HOP = [
  FIELD_KIND.connection,
  FIELD_KIND.transferEncoding,
  FIELD_KIND.te,
  FIELD_KIND.upgrade,
  FIELD_KIND.trailer,
  FIELD_KIND.hop,
  FIELD_KIND.keepAlive,
] as const;
const DROPPED = marked(OF_THIS_HOP);
/** A 204 and what comes before an answer have no length (RFC 9110, section 8.6). */
const DROPPED_OF_EMPTY = marked([...OF_THIS_HOP, FIELD_KIND.contentLength]);

const TABLE = newFieldTable();
const WORDS = newConnectionWords();
const EVENT_STREAM = lower('text/event-stream');
const TIMEOUT = lower('timeout=');
const VERSION = Buffer.from('HTTP/1.', 'latin1');
const STATUS_AT = 9;
const MAX_IDLE_HINT_S = 3_600;

/** Reads the head of an app's answer, from `start` to behind its CRLFCRLF at `end`. */
export function parseResponse(bytes: Buffer, start: number, end: number): ParsedResponse {
  for (let i = 0; i < VERSION.length; i += 1) if (bytes[start + i] !== VERSION[i]) return refuse(ANSWER_REFUSAL.start);
  const minor = (bytes[start + VERSION.length] as number) - 0x30;
  if ((minor !== 0 && minor !== 1) || bytes[start + STATUS_AT - 1] !== SP) return refuse(ANSWER_REFUSAL.version);
  const status = readLength(bytes, start + STATUS_AT, start + STATUS_AT + 3);
  let i = start + STATUS_AT + 3;
  if (status < 100 || (bytes[i] !== SP && bytes[i] !== CR)) return refuse(ANSWER_REFUSAL.status);
  while (i < end && FIELD[bytes[i] as number] === 1) i += 1;
  if (bytes[i] !== CR || bytes[i + 1] !== LF) return refuse(ANSWER_REFUSAL.statusLine);
  const statusLine = status === 200 && isOk(bytes, start + STATUS_AT, i) ? OK_LINE : `HTTP/1.1 ${text(bytes, start + STATUS_AT, i)}`;
  const problem = readFields(bytes, i + 2, end, TABLE);
  if (problem !== '') return refuse(problem);
  const head = readMeaning(bytes, TABLE, minor, status, statusLine);
  if (typeof head === 'string') return refuse(head);
  if (status === 101) head.raw = text(bytes, i + 2, end - 2);
  return { ok: true, head };
}

/** Nearly every answer's, which then needs no text of its own. */
const OK = Buffer.from('200 OK', 'latin1');
const OK_LINE = 'HTTP/1.1 200 OK';

function isOk(bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== OK.length) return false;
  for (let i = 0; i < OK.length; i += 1) if (bytes[start + i] !== OK[i]) return false;
  return true;
}

function readMeaning(bytes: Buffer, table: FieldTable, minor: 0 | 1, status: number, statusLine: string): ResponseHead | AnswerRefusal {
  const { count, places } = table;
  let length = UNTIL_CLOSE;
  let trailerField = '';
  let chunked = false;
  resetConnectionWords(WORDS);
  let idleMs = 0;
  let isEventStream = false;
  let hasDate = false;
  for (let row = 0; row < count * FIELD_STRIDE; row += FIELD_STRIDE) {
    const kind = places[row + AT.kind] as FieldKind;
    const value = places[row + AT.value] as number;
    const valueEnd = places[row + AT.valueEnd] as number;
    switch (kind) {
      case FIELD_KIND.date:
        hasDate = true;
        break;
      case FIELD_KIND.contentType:
        isEventStream = isEventStreamType(bytes, value, valueEnd);
        break;
      case FIELD_KIND.contentLength:
        if (length !== UNTIL_CLOSE) return ANSWER_REFUSAL.lengthTwice;
        length = readLength(bytes, value, valueEnd);
        if (length === -1 || hasTab(bytes, places, row)) return ANSWER_REFUSAL.lengthForm;
        break;
      case FIELD_KIND.transferEncoding:
        if (chunked || !isChunked(bytes, value, valueEnd) || hasTab(bytes, places, row)) return ANSWER_REFUSAL.coding;
        chunked = true;
        break;
      case FIELD_KIND.connection:
        readConnection(bytes, value, valueEnd, WORDS);
        break;
      case FIELD_KIND.keepAlive:
        idleMs = idleHint(bytes, value, valueEnd);
        break;
      case FIELD_KIND.trailer:
        trailerField += lineOf(bytes, places, row);
        break;
      default:
        // Whatever else an app says is for the client.
        break;
    }
  }
  // Both ought to be handled as an error (RFC 9112, section 6.3).
  if (chunked && length !== UNTIL_CLOSE) return ANSWER_REFUSAL.bothLengths;
  const fields = withoutNames(linesWithout(bytes, table, status < 200 || status === 204 ? DROPPED_OF_EMPTY : DROPPED), WORDS.names);
  return {
    status,
    statusLine,
    raw: '',
    body: chunked ? CHUNKED_ANSWER : length,
    // Chunks in HTTP/1.0 are framed at the sender's own risk: the connection is not used again (RFC 9112, section 6.1).
    keepAlive: !WORDS.close && (minor === 1 || (WORDS.keepAlive && !chunked)),
    endsByClose: !chunked && length === UNTIL_CLOSE,
    idleMs,
    isEventStream,
    hasDate,
    fields,
    trailerField,
  };
}

function isEventStreamType(bytes: Buffer, start: number, end: number): boolean {
  const behind = start + EVENT_STREAM.length;
  return behind <= end && isName(bytes, start, EVENT_STREAM) && (behind === end || TOKEN[bytes[behind] as number] !== 1);
}

/** `timeout=5` in milliseconds; 0 without it. */
function idleHint(bytes: Buffer, start: number, end: number): number {
  let i = start;
  while (i + TIMEOUT.length < end && !isName(bytes, i, TIMEOUT)) i += 1;
  let seconds = 0;
  for (i += TIMEOUT.length; i < end && seconds < MAX_IDLE_HINT_S; i += 1) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) break;
    seconds = seconds * 10 + digit;
  }
  return Math.min(seconds, MAX_IDLE_HINT_S) * 1_000;
}

function refuse(reason: AnswerRefusal): ParsedResponse {
  return { ok: false, reason };
}

import { CR, FIELD, LF, SP, text } from './bytes.ts';
import {
  AT,
  type ConnectionWords,
  FIELD_KIND,
  FIELD_STRIDE,
  type FieldKind,
  type FieldTable,
  isChunked,
  newFieldTable,
  readConnection,
  readFields,
  readLength,
  withoutNames,
} from './fields.ts';

/** How an answer's body ends: after a number of bytes, or in one of these ways. */
export const CHUNKED_ANSWER = -1;
export const UNTIL_CLOSE = -2;

export interface ResponseHead {
  status: number;
  /** `HTTP/1.1 200 OK`, of our version. */
  statusLine: string;
  /** Bytes, `CHUNKED_ANSWER` or `UNTIL_CLOSE`; what HEAD, 204 and 304 make of it is not in it. */
  body: number;
  /** Whether the app lets its connection be used again. */
  keepAlive: boolean;
  /** Milliseconds after which the app closes an idle connection, as it says; 0 when it does not. */
  idleMs: number;
  isEventStream: boolean;
  hasDate: boolean;
  /** Lines for the client, each with its CRLF, without those of this hop and without Content-Length and Trailer. */
  fields: string;
  /** The lines left out of `fields` for whoever frames the answer: Content-Length, or Trailer. */
  lengthField: string;
  trailerField: string;
  /** All lines as they came, for a 101. */
  raw: string;
}

export type ParsedResponse = { ok: true; head: ResponseHead } | { ok: false; reason: string };

const TABLE = newFieldTable();
const VERSION = Buffer.from('HTTP/1.', 'latin1');
const STATUS_AT = 9;
const MAX_IDLE_HINT_S = 3_600;

/** Reads the head of an app's answer, from `start` to behind its CRLFCRLF at `end`. */
export function parseResponse(bytes: Buffer, start: number, end: number): ParsedResponse {
  for (let i = 0; i < VERSION.length; i += 1) if (bytes[start + i] !== VERSION[i]) return refuse('it does not begin as HTTP/1');
  const minor = (bytes[start + VERSION.length] as number) - 0x30;
  if ((minor !== 0 && minor !== 1) || bytes[start + STATUS_AT - 1] !== SP) return refuse('its version is not HTTP/1.1 or HTTP/1.0');
  const status = readLength(bytes, start + STATUS_AT, start + STATUS_AT + 3);
  let i = start + STATUS_AT + 3;
  if (status < 100 || (bytes[i] !== SP && bytes[i] !== CR)) return refuse('its status is no number of three digits');
  while (i < end && FIELD[bytes[i] as number] === 1) i += 1;
  if (bytes[i] !== CR || bytes[i + 1] !== LF) return refuse('its status line does not end in CRLF');
  const statusLine = `HTTP/1.1 ${text(bytes, start + STATUS_AT, i)}`;
  const problem = readFields(bytes, i + 2, end, TABLE);
  if (problem !== '') return refuse(problem);
  const read = readMeaning(bytes, TABLE, minor);
  if (typeof read === 'string') return refuse(read);
  return { ok: true, head: { ...read, status, statusLine, raw: status === 101 ? text(bytes, i + 2, end - 2) : '' } };
}

type Meaning = Omit<ResponseHead, 'status' | 'statusLine' | 'raw'>;

function readMeaning(bytes: Buffer, { count, places }: FieldTable, minor: 0 | 1): Meaning | string {
  let length = UNTIL_CLOSE;
  let lengthField = '';
  let trailerField = '';
  let chunked = false;
  let connection: ConnectionWords | null = null;
  let idleMs = 0;
  let isEventStream = false;
  let hasDate = false;
  let fields = '';
  let kept = count > 0 ? (places[AT.line] as number) : 0;
  let end = kept;
  for (let row = 0; row < count * FIELD_STRIDE; row += FIELD_STRIDE) {
    const kind = places[row + AT.kind] as FieldKind;
    const line = places[row + AT.line] as number;
    const value = places[row + AT.value] as number;
    const valueEnd = places[row + AT.valueEnd] as number;
    end = places[row + AT.lineEnd] as number;
    switch (kind) {
      case FIELD_KIND.date:
        hasDate = true;
        continue;
      case FIELD_KIND.contentType:
        isEventStream = /^text\/event-stream\b/i.test(text(bytes, value, valueEnd));
        continue;
      case FIELD_KIND.contentLength: {
        const said = readLength(bytes, value, valueEnd);
        if (said === -1 || (length !== UNTIL_CLOSE && said !== length)) return 'its Content-Length is malformed';
        length = said;
        lengthField = text(bytes, line, end);
        break;
      }
      case FIELD_KIND.transferEncoding:
        if (chunked || !isChunked(bytes, value, valueEnd)) return 'its Transfer-Encoding is other than "chunked"';
        chunked = true;
        break;
      case FIELD_KIND.connection:
        connection ??= { close: false, keepAlive: false, upgrade: false, names: [] };
        readConnection(text(bytes, value, valueEnd), connection);
        break;
      case FIELD_KIND.keepAlive:
        idleMs = idleHint(text(bytes, value, valueEnd));
        break;
      case FIELD_KIND.trailer:
        trailerField += text(bytes, line, end);
        break;
      case FIELD_KIND.te:
      case FIELD_KIND.upgrade:
      case FIELD_KIND.hop:
        break;
      default:
        // Whatever else an app says is for the client.
        continue;
    }
    fields += text(bytes, kept, line);
    kept = end;
  }
  fields += text(bytes, kept, end);
  if (connection && connection.names.length > 0) fields = withoutNames(fields, connection.names);
  return {
    // What says both is chunked (RFC 9112, 6.3); the length is not passed on.
    body: chunked ? CHUNKED_ANSWER : length,
    keepAlive: connection?.close !== true && (minor === 1 || connection?.keepAlive === true),
    idleMs,
    isEventStream,
    hasDate,
    fields,
    lengthField: chunked ? '' : lengthField,
    trailerField,
  };
}

/** `timeout=5` in milliseconds; 0 without it. */
function idleHint(value: string): number {
  const seconds = Number(/(?:^|[,\s])timeout=(\d{1,5})/i.exec(value)?.[1] ?? 0);
  return Math.min(seconds, MAX_IDLE_HINT_S) * 1_000;
}

function refuse(reason: string): ParsedResponse {
  return { ok: false, reason };
}

import type { Reply } from '../data-path.ts';
import { http } from '../node-http.ts';

const RETRY_AFTER_S = 1;

/** Texts of the answers that the proxy itself gives. */
const TEXTS = {
  400: 'Bad request',
  408: 'The request head took too long',
  431: 'The request head is too large',
  502: 'The app ended without an answer',
  503: 'The app is not running at the moment, try again shortly',
  504: 'The app did not answer in time',
} as const;
export type OwnStatus = keyof typeof TEXTS;

export function ownReply(status: OwnStatus, detail = ''): Reply {
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'];
  if (status === 503) headers.push('Retry-After', String(RETRY_AFTER_S));
  return { status, headers, body: detail === '' ? `${TEXTS[status]}.\n` : `${TEXTS[status]}: ${detail}.\n` };
}

/** The bytes of an answer. `withBody` is false for HEAD; `close` says that the connection ends after it. */
export function encodeReply({ status, headers, body }: Reply, { withBody, close }: { withBody: boolean; close: boolean }): string {
  let head = `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  head += `Content-Length: ${Buffer.byteLength(body)}\r\nDate: ${httpDate()}\r\n`;
  if (close) head += 'Connection: close\r\n';
  return `${head}\r\n${withBody ? body : ''}`;
}

let date = '';
let dateSecond = 0;

/** The time as HTTP writes it, made once a second. */
export function httpDate(): string {
  const now = Date.now();
  const second = Math.floor(now / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = new Date(now).toUTCString();
  }
  return date;
}

import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Reply } from '../data-path.ts';
import { http } from './node-http.ts';

const RETRY_AFTER_S = 1;
/** A connection with unread bytes that is destroyed at once resets, and the client may never see the answer. */
const LINGER_MS = 1_000;

/** Texts of the answers that the proxy itself gives. */
const TEXTS = {
  400: 'Bad request',
  408: 'The request head took too long',
  413: 'The request is too large',
  431: 'The request head is too large',
  502: 'The app ended without an answer',
  503: 'The app is not running at the moment, try again shortly',
} as const;
export type OwnStatus = keyof typeof TEXTS;

/** Answers for the app. `close` ends the connection after it, when what follows on it cannot be trusted. */
export function answerItself(response: ServerResponse, status: OwnStatus, options: { close: boolean; detail?: string }): void {
  const text = textOf(status, options.detail);
  const headers = [
    'Content-Type',
    'text/plain; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(text)),
    'Cache-Control',
    'no-store',
  ];
  if (status === 503) headers.push('Retry-After', String(RETRY_AFTER_S));
  if (options.close) headers.push('Connection', 'close');
  response.writeHead(status, headers);
  response.end(text);
}

/** Gives an answer that was made elsewhere in the proxy. */
export function answerWith(response: ServerResponse, { status, headers, body }: Reply, options: { close: boolean }): void {
  const all = [...headers, 'Content-Length', String(Buffer.byteLength(body))];
  if (options.close) all.push('Connection', 'close');
  response.writeHead(status, all);
  response.end(body);
}

/** The same where there is no response object: the request could not be parsed. Closes the connection. */
export function answerOnSocket(socket: Duplex, status: OwnStatus): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const text = textOf(status);
  const reason = http.STATUS_CODES[status];
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function textOf(status: OwnStatus, detail?: string): string {
  return detail ? `${TEXTS[status]}: ${detail}.\n` : `${TEXTS[status]}.\n`;
}

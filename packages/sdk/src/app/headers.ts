import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { encodeCaller } from '../agent/caller.ts';
import { CHAT_CALLER_HEADER, type ChatCaller } from '../chat.ts';

/** Of one connection only, never forwarded. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/** What the app alone understands, what was answered already, and what only we may say. */
const NOT_FORWARDED = ['cookie', 'authorization', 'expect', 'host', CHAT_CALLER_HEADER];

/**
 * Headers of the request to the chat service, which trusts what they say of the caller. `length` is that of a body that was read and written
 * anew, so that the lengths and encodings of the original no longer hold.
 */
export function requestHeaders(headers: IncomingHttpHeaders, caller: ChatCaller | null, length?: number): OutgoingHttpHeaders {
  const dropped = new Set([...HOP_BY_HOP, ...namedBy(headers.connection), ...NOT_FORWARDED]);
  if (length !== undefined) for (const name of ['content-length', 'content-encoding']) dropped.add(name);
  return {
    // Pseudo headers of HTTP/2 begin with a colon.
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name) && !name.startsWith(':'))),
    host: headers.host ?? String(headers[':authority'] ?? 'localhost'),
    ...(length !== undefined && { 'content-length': length }),
    ...(caller && { [CHAT_CALLER_HEADER]: encodeCaller(caller) }),
  };
}

/** Headers of the chat service's answer as the app gives it. Event streams are marked, so that nobody on the way compresses or gathers them. */
export function responseHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const dropped = new Set([...HOP_BY_HOP, ...namedBy(headers.connection)]);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined && !dropped.has(name)) kept[name] = value;
  if (!isEventStream(headers)) return kept;
  return { ...kept, 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };
}

export function isEventStream(headers: IncomingHttpHeaders): boolean {
  return /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
}

export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function namedBy(connection: string | undefined): string[] {
  return (connection ?? '').split(',').map((name) => name.trim().toLowerCase());
}

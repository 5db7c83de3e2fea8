/** Reads what came over the control socket or from disk, without trusting it. Written by hand: the proxy is kept free of dependencies. */
import { isIP } from 'node:net';
import { isAbsolute, normalize } from 'node:path';
import type { ProxyAppBody, ProxyChat, ProxyDrainBody, ProxyPreview, ProxyTarget } from '@greenroom/sdk/proxy';

export type Parsed<T> = { ok: true; value: T } | { ok: false; error: string };

/** Node's timers overflow to 1 ms above this. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** On Linux. */
const MAX_SOCKET_PATH_BYTES = 107;
const CHAT_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

export function parseAppBody(json: unknown): Parsed<ProxyAppBody> {
  if (!isObject(json)) return refuse('body', json, 'an object');
  const { port, internal_port } = json;
  if (!isPort(port)) return refuse('port', port, 'a port number from 1 to 65535');
  const chat = parseChat(json['chat']);
  if (!chat.ok) return chat;
  const value: ProxyAppBody = chat.value ? { port, chat: chat.value } : { port };
  if (internal_port === undefined) return { ok: true, value };
  if (!isPort(internal_port) || internal_port === port) return refuse('internal_port', internal_port, 'another port number than "port"');
  return { ok: true, value: { ...value, internal_port } };
}

function parseChat(json: unknown): Parsed<ProxyChat | undefined> {
  if (json === undefined) return { ok: true, value: undefined };
  if (!isObject(json)) return refuse('chat', json, 'an object');
  const { path, socket } = json;
  if (typeof path !== 'string' || path.length > 200 || !CHAT_PATH.test(path))
    return refuse('chat.path', path, 'a path such as "/.greenroom", without a "/" at its end');
  if (
    typeof socket !== 'string' ||
    !isAbsolute(socket) ||
    normalize(socket) !== socket ||
    Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES
  )
    return refuse('chat.socket', socket, `the absolute path of a Unix socket, of at most ${MAX_SOCKET_PATH_BYTES} bytes`);
  return { ok: true, value: { path, socket } };
}

export function parsePreview(json: unknown): Parsed<ProxyPreview | null> {
  if (json === null || json === undefined) return { ok: true, value: null };
  if (!isObject(json)) return refuse('body', json, 'an object or null');
  const { token } = json;
  // Not repeated in the refusal: it is a secret.
  if (typeof token !== 'string' || !/^[A-Za-z0-9_-]{16,128}$/.test(token))
    return { ok: false, error: '"token" must be 16 to 128 characters of A-Z, a-z, 0-9, "_" and "-"' };
  const target = parseTarget(json['target']);
  if (!target.ok) return target;
  return target.value ? { ok: true, value: { token, target: target.value } } : refuse('target', null, 'an object');
}

export function parseTarget(json: unknown): Parsed<ProxyTarget | null> {
  if (json === null) return { ok: true, value: null };
  if (!isObject(json)) return refuse('body', json, 'an object or null');
  const { instance, host, port, internal_port } = json;
  if (!isName(instance)) return refuse('instance', instance, 'a non-empty string');
  if (typeof host !== 'string' || !isLoopback(host)) return refuse('host', host, '"127.0.0.1" or "::1"');
  if (!isPort(port)) return refuse('port', port, 'a port number from 1 to 65535');
  if (internal_port === undefined) return { ok: true, value: { instance, host, port } };
  if (!isPort(internal_port)) return refuse('internal_port', internal_port, 'a port number from 1 to 65535');
  return { ok: true, value: { instance, host, port, internal_port } };
}

export function parseDrainBody(json: unknown): Parsed<ProxyDrainBody> {
  if (!isObject(json)) return refuse('body', json, 'an object');
  const { instance, timeout_ms, stream_timeout_ms } = json;
  if (!isName(instance)) return refuse('instance', instance, 'a non-empty string');
  if (!isDuration(timeout_ms)) return refuse('timeout_ms', timeout_ms, 'milliseconds, 0 or more');
  if (!isDuration(stream_timeout_ms)) return refuse('stream_timeout_ms', stream_timeout_ms, 'milliseconds, 0 or more');
  return { ok: true, value: { instance, timeout_ms, stream_timeout_ms } };
}

function refuse(path: string, value: unknown, allowed: string): { ok: false; error: string } {
  return { ok: false, error: `"${path}" is ${JSON.stringify(value) ?? 'missing'}, but must be ${allowed}` };
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIMER_MS;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 200;
}

/** An app runs on this machine: routing anywhere else would make the control socket a way into the network. */
function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Reads what came over the control socket or from disk, without trusting it. Written by hand: the proxy is kept free of dependencies. */
import { isIP } from 'node:net';
import type { ProxyAppBody, ProxyDrainBody, ProxyTarget } from '@greenroom/sdk/proxy';

export type Parsed<T> = { ok: true; value: T } | { ok: false; error: string };

/** Node's timers overflow to 1 ms above this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export function parseAppBody(json: unknown): Parsed<ProxyAppBody> {
  if (!isObject(json)) return refuse('body', json, 'an object');
  const { port, internal_port } = json;
  if (!isPort(port)) return refuse('port', port, 'a port number from 1 to 65535');
  if (internal_port === undefined) return { ok: true, value: { port } };
  if (!isPort(internal_port) || internal_port === port) return refuse('internal_port', internal_port, 'another port number than "port"');
  return { ok: true, value: { port, internal_port } };
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

/** Reads what came over the control socket or from disk, without trusting it. Written by hand: the proxy is kept free of dependencies. */
import { isIP } from 'node:net';
import { isAbsolute, normalize } from 'node:path';
import type {
  ProxyAppBody,
  ProxyChat,
  ProxyDrainBody,
  ProxyPreview,
  ProxyRoute,
  ProxyTarget,
  ProxyTls,
  ProxyUpgradeBody,
} from '@greenroom/sdk/proxy';
import { isNetwork } from './trust.ts';

export type Parsed<T> = { ok: true; value: T } | { ok: false; error: string };

const MAX_LIST = 1_000;
/** Node's timers overflow to 1 ms above this. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** On Linux. */
const MAX_SOCKET_PATH_BYTES = 107;
const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** One way to write each path, so that it can be compared with a request's bytes. */
const PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

export function parseAppBody(json: unknown): Parsed<ProxyAppBody> {
  if (!isObject(json)) return refuse('body', json, 'an object');
  const { port, port_host, internal_port } = json;
  if (!isPort(port)) return refuse('port', port, 'a port number from 1 to 65535');
  if (port_host !== undefined && port_host !== '127.0.0.1') return refuse('port_host', port_host, '"127.0.0.1", or left out');
  if (internal_port !== undefined && (!isPort(internal_port) || internal_port === port))
    return refuse('internal_port', internal_port, 'another port number than "port"');
  const chat = parseChat(json['chat']);
  if (!chat.ok) return chat;
  const routes = parseRoutes(json['routes'], [port, internal_port]);
  if (!routes.ok) return routes;
  const trusted = parseNetworks(json['trusted_proxies']);
  if (!trusted.ok) return trusted;
  const value: ProxyAppBody = {
    port,
    ...(port_host ? { port_host } : {}),
    ...(internal_port === undefined ? {} : { internal_port }),
    ...(chat.value ? { chat: chat.value } : {}),
    ...(routes.value.length > 0 ? { routes: routes.value } : {}),
    ...(trusted.value.length > 0 ? { trusted_proxies: trusted.value } : {}),
  };
  return { ok: true, value };
}

function parseNetworks(json: unknown): Parsed<string[]> {
  if (json === undefined) return { ok: true, value: [] };
  const allowed = 'a list of IP addresses and networks such as "10.0.0.0/8"';
  if (!Array.isArray(json) || json.length > MAX_LIST) return refuse('trusted_proxies', json, allowed);
  const value = json.filter((each): each is string => typeof each === 'string' && isNetwork(each));
  return value.length === json.length ? { ok: true, value } : refuse('trusted_proxies', json, allowed);
}

function parseChat(json: unknown): Parsed<ProxyChat | undefined> {
  if (json === undefined) return { ok: true, value: undefined };
  if (!isObject(json)) return refuse('chat', json, 'an object');
  const { path, socket } = json;
  if (typeof path !== 'string' || path.length > 200 || !PATH.test(path))
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

/** `taken`: the app's own ports, which no route may have. */
function parseRoutes(json: unknown, taken: readonly unknown[]): Parsed<ProxyRoute[]> {
  if (json === undefined) return { ok: true, value: [] };
  if (!Array.isArray(json) || json.length > MAX_LIST) return refuse('routes', json, `a list of at most ${MAX_LIST} routes`);
  const routes: ProxyRoute[] = [];
  for (const [index, each] of json.entries()) {
    const route = parseRoute(each, `routes[${index}]`);
    if (!route.ok) return route;
    const { port } = route.value;
    if (taken.includes(port)) return refuse(`routes[${index}].port`, port, "another port than the app's own");
    if (routes.some((other) => other.port === port && isSecure(other) !== isSecure(route.value)))
      return refuse(`routes[${index}].port`, port, 'a port whose routes all have "tls", or none has it');
    if (routes.some((other) => isSamePlace(other, route.value)))
      return refuse(`routes[${index}]`, each, 'another host, path or port than those of an earlier route');
    routes.push(route.value);
  }
  return { ok: true, value: routes };
}

function parseRoute(json: unknown, at: string): Parsed<ProxyRoute> {
  if (!isObject(json)) return refuse(at, json, 'an object');
  const { port, host, path } = json;
  if (!isPort(port)) return refuse(`${at}.port`, port, 'a port number from 1 to 65535');
  if (host !== undefined && (typeof host !== 'string' || host.length > 255 || !HOST.test(host)))
    return refuse(`${at}.host`, host, 'a host name in lower case such as "shop.example.com" or "*.example.com"');
  if (path !== undefined && (typeof path !== 'string' || path.length > 200 || !PATH.test(path)))
    return refuse(`${at}.path`, path, 'a path such as "/shop", without a "/" at its end');
  const tls = parseTls(json['tls'], `${at}.tls`);
  if (!tls.ok) return tls;
  const { redirect } = json;
  if (redirect !== undefined && (!isPort(redirect) || tls.value)) return refuse(`${at}.redirect`, redirect, 'a port number, without "tls"');
  const value: ProxyRoute = {
    port,
    ...(host === undefined ? {} : { host }),
    ...(path === undefined ? {} : { path }),
    ...(tls.value ? { tls: tls.value } : {}),
    ...(redirect === undefined ? {} : { redirect }),
  };
  return { ok: true, value };
}

function parseTls(json: unknown, at: string): Parsed<ProxyTls | undefined> {
  if (json === undefined) return { ok: true, value: undefined };
  const { certificate, key } = isObject(json) ? json : {};
  if (!isFile(certificate) || !isFile(key)) return refuse(at, json, 'an object with "certificate" and "key", absolute paths');
  return { ok: true, value: { certificate, key } };
}

function isFile(value: unknown): value is string {
  return typeof value === 'string' && isAbsolute(value) && value.length <= 4_096 && !value.includes('\0');
}

export function isSecure({ tls }: ProxyRoute): boolean {
  return tls !== undefined;
}

export function isSamePlace(one: ProxyRoute, other: ProxyRoute): boolean {
  return isSameDoor(one, other) && one.path === other.path;
}

/** One certificate is for both. */
export function isSameDoor(one: ProxyRoute, other: ProxyRoute): boolean {
  return one.port === other.port && one.host === other.host;
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

export function parseUpgrade(json: unknown): Parsed<ProxyUpgradeBody> {
  if (!isObject(json)) return refuse('body', json, 'an object');
  const { main, node } = json;
  if (main !== undefined && !isAbsolutePath(main)) return refuse('main', main, 'an absolute path, or left out');
  if (node !== undefined && !isAbsolutePath(node)) return refuse('node', node, 'an absolute path, or left out');
  return { ok: true, value: { ...(main === undefined ? {} : { main }), ...(node === undefined ? {} : { node }) } };
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

function isAbsolutePath(value: unknown): value is string {
  return typeof value === 'string' && isAbsolute(value) && !value.includes('\0');
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 200;
}

/** An app runs on this machine: routing anywhere else would make the control socket a way into the network. */
function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

import type { Route } from '../../../core/contract-router.ts';
import type { InstanceSockets } from '../../../layout.ts';
import type { RouteTarget } from '../../../ports.ts';
import type { Served } from '../served.ts';
import type { Json, JsonObject } from './json.ts';
import { type RouteMatch, routeId, type WantedRoute } from './own-route.ts';

/** Where requests go: to fixed sockets, or to an instance's ports, or nowhere. */
export type Upstream = { sockets: InstanceSockets } | { target: RouteTarget | null };

/** What this Caddy can do beyond 2.6. */
export interface Abilities {
  /** Keep streams open when its configuration changes. */
  streamCloseDelay: boolean;
}

const RETRY_AFTER_S = '1';
/** Until they are closed, streams keep the configuration that they began with in Caddy's memory. In nanoseconds, as Caddy counts. */
const STREAM_CLOSE_DELAY_NS = 300_000_000_000;
const PATH_VARIABLE = '{http.request.uri}';
/** Below a path, what a server behind might read as another path than the one that was judged here. */
const DISGUISED = '(?i:/[^?]*(\\\\|%2f|%5c|%00)|(/[^?]*)?/(\\.|%2e){1,2}([/;?]|$))';

/** The routes of an app in a Caddy whose HTTP app is configured like this: on its own port, on its internal one, and those of its contract. */
export function wantedRoutes(served: Served, upstream: Upstream, abilities: Abilities, http: JsonObject): WantedRoute[] {
  const { app, port, internalPort, routes } = served;
  const visitors = appHandlers(served, upstream, abilities);
  const own: WantedRoute = { id: routeId(app, port, 0), port, loopback: routes.length > 0, match: null, handle: visitors };
  const beside = routes.map((route, index): WantedRoute => {
    const on = portIn(route, http);
    return { id: routeId(app, on, index + 1), port: on, loopback: false, match: matchOf(route), handle: visitors };
  });
  if (!internalPort) return [own, ...beside];
  const internal = internalHandlers(served, upstream, abilities);
  return [own, { id: routeId(app, internalPort, 0), port: internalPort, loopback: true, match: null, handle: internal }, ...beside];
}

/** Caddy's ports for plain HTTP and for HTTPS. */
export function httpPorts(http: JsonObject): { plain: number; https: number } {
  const { http_port: plain, https_port: https } = http;
  return { plain: typeof plain === 'number' ? plain : 80, https: typeof https === 'number' ? https : 443 };
}

/** As in a Caddyfile: a host without a port is served by HTTPS, the rest on the port for plain HTTP. */
function portIn({ host, port }: Route, http: JsonObject): number {
  const { plain, https } = httpPorts(http);
  return port ?? (host === undefined ? plain : https);
}

function matchOf({ host, path }: Route): RouteMatch | null {
  if (host === undefined && path === undefined) return null;
  return { ...(host === undefined ? {} : { host: [host] }), ...(path === undefined ? {} : { vars_regexp: onPath(below(path)) }) };
}

/** The path and what is below it, segment by segment, in the bytes of the request: Caddy's own matcher of paths knows neither case nor escapes. */
function below(path: string): string {
  return `^${quoted(path)}([/?]|$)`;
}

function quoted(text: string): string {
  return text.replace(/[.~+*?()[\]{}|^$\\]/g, '\\$&');
}

function onPath(pattern: string): { [PATH_VARIABLE]: { pattern: string } } {
  return { [PATH_VARIABLE]: { pattern } };
}

function appHandlers({ chat, trustedProxies }: Served, upstream: Upstream, abilities: Abilities): Json[] {
  const proxy = (dial: string): Json => proxyTo(dial, trustedProxies, abilities);
  const routes: Json[] = [];
  if (chat) {
    const disguised = `^${quoted(chat.path)}${DISGUISED}`;
    const refused = {
      handler: 'static_response',
      status_code: 400,
      body: 'Bad request: dots or slashes in disguise below the path of the chat.\n',
    };
    routes.push({ match: [{ vars_regexp: onPath(disguised) }], handle: [refused], terminal: true });
    routes.push({
      match: [{ vars_regexp: onPath(below(chat.path)) }],
      handle: guarded([{ handle: [proxy(`unix/${chat.socket}`)] }], CHAT_ERRORS),
      terminal: true,
    });
  }
  if ('sockets' in upstream) {
    const { requests, streams } = upstream.sockets;
    routes.push({ match: STREAMS, handle: [proxy(`unix/${streams}`)], terminal: true }, { handle: [proxy(`unix/${requests}`)] });
    return guarded(routes, APP_ERRORS);
  }
  const { target } = upstream;
  routes.push({ handle: [target ? proxy(dialOf(target.host, target.port)) : NOTHING_LIVE] });
  return guarded(routes, APP_ERRORS);
}

function internalHandlers({ trustedProxies }: Served, upstream: Upstream, abilities: Abilities): Json[] {
  if ('sockets' in upstream)
    return guarded([{ handle: [proxyTo(`unix/${upstream.sockets.internal}`, trustedProxies, abilities)] }], APP_ERRORS);
  const { target } = upstream;
  const handle =
    target && target.internalPort > 0 ? proxyTo(dialOf(target.host, target.internalPort), trustedProxies, abilities) : NOTHING_LIVE;
  return guarded([{ handle: [handle] }], APP_ERRORS);
}

/** Handlers whose errors get answers of our own. */
function guarded(routes: Json[], errors: Json[]): Json[] {
  return [{ handler: 'subroute', routes, errors: { routes: errors } }];
}

/** One upstream connection for each request: an open one is work under way, and a swap finds none waiting that leads to the old instance. */
function proxyTo(dial: string, trustedProxies: readonly string[], { streamCloseDelay }: Abilities): Json {
  return {
    handler: 'reverse_proxy',
    upstreams: [{ dial }],
    transport: { protocol: 'http', compression: false, keep_alive: { enabled: false } },
    ...(trustedProxies.length > 0 ? { trusted_proxies: [...trustedProxies] } : {}),
    ...(streamCloseDelay ? { stream_close_delay: STREAM_CLOSE_DELAY_NS } : {}),
  };
}

function dialOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** WebSockets and event streams, told by how they are asked for. */
const STREAMS: Json[] = [{ header: { Upgrade: ['*'] } }, { header: { Accept: ['*text/event-stream*'] } }];

const say = (status: number, text: string, type = 'text/plain; charset=utf-8'): Json => ({
  handler: 'static_response',
  status_code: status,
  headers: { 'Content-Type': [type], 'Cache-Control': ['no-store'], ...(status === 503 ? { 'Retry-After': [RETRY_AFTER_S] } : {}) },
  body: text,
});

const NOTHING_LIVE = say(503, 'The app is not running at the moment, try again shortly.\n');
/** Nobody listens at the upstream: nothing of the request has been sent. */
const NOT_CONNECTED: Json[] = [{ expression: "{http.error.status_code} == 502 && {http.error.message}.startsWith('dial ')" }];
const NO_ANSWER: Json[] = [{ expression: '{http.error.status_code} == 502' }];
const sayChat = (status: number, error: string): Json =>
  say(status, `${JSON.stringify({ code: 'unavailable', error })}\n`, 'application/json');

const APP_ERRORS: Json[] = [
  { match: NOT_CONNECTED, handle: [NOTHING_LIVE], terminal: true },
  { match: NO_ANSWER, handle: [say(502, 'The app ended without an answer.\n')], terminal: true },
];
const CHAT_ERRORS: Json[] = [
  { match: NOT_CONNECTED, handle: [sayChat(503, 'The chat is not running. Start it with: greenroom chat')], terminal: true },
  { match: NO_ANSWER, handle: [sayChat(502, 'The chat ended without an answer. Ask again in a moment.')], terminal: true },
];

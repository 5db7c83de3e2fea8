import { type Conflict, conflictOf } from './conflict.ts';
import { isObject, type Json, type JsonObject, listAt, objectAt } from './json.ts';
import { appOf, idOf, matchOf, routePrefix, type WantedRoute } from './own-route.ts';

export type Arranged = { ok: true; servers: JsonObject } | ({ ok: false } & Conflict);

/**
 * `servers` of Caddy's HTTP app, with the wanted routes of one app and no others of it. Routes go into the server that listens on their port, before what
 * the operator wrote there, the more special one first; where no server does, into one of Greenroom's own, which all apps share, and which ends with its
 * last route. Nothing else is changed. Refused when another app has the place, or the operator's own configuration has.
 */
export function arrange(servers: JsonObject, app: string, wanted: readonly WantedRoute[]): Arranged {
  const result: JsonObject = {};
  for (const [name, server] of Object.entries(servers)) result[name] = withoutRoutes(server, routePrefix(app));
  for (const route of wanted) {
    const name = serverOf(result, route.port) ?? ownServer(route.port);
    const conflict = conflictOf(route, app, objectAt(result, name), isOwnServer(name) ? '' : name);
    if (conflict) return { ok: false, ...conflict };
    const found = objectAt(result, name);
    const fresh: JsonObject = name === ownServer(route.port) ? { listen: [listenAddress(route)] } : {};
    result[name] = { ...found, ...fresh, routes: [...listAt(found, 'routes'), routeJson(route)] };
  }
  for (const [name, server] of Object.entries(result)) {
    const arranged = arrangeServer(name, server);
    if (arranged === null) delete result[name];
    else result[name] = arranged;
  }
  return { ok: true, servers: result };
}

/** Of Greenroom's own. */
const ownServer = (port: number): string => `greenroom-${port}`;
export const isOwnServer = (name: string): boolean => /^greenroom-\d+$/.test(name);
export const ownPort = (server: string): number => Number(server.slice('greenroom-'.length));
const unmatchedId = (server: string): string => `greenroom-unmatched:${ownPort(server)}`;

const listenAddress = ({ port, loopback }: WantedRoute): string => (loopback ? `127.0.0.1:${port}` : `:${port}`);

function routeJson({ id, match, handle }: WantedRoute): JsonObject {
  return { '@id': id, ...(match ? { match: [{ ...match }] } : {}), handle, terminal: true };
}

function withoutRoutes(server: Json | undefined, prefix: string): Json {
  if (!isObject(server) || !Array.isArray(server['routes'])) return server ?? null;
  return { ...server, routes: server['routes'].filter((route) => !idOf(route).startsWith(prefix)) };
}

/** Greenroom's routes first; a server of its own ends with an answer to what no route takes, and goes with its last route. */
function arrangeServer(name: string, server: Json | undefined): Json {
  if (!isObject(server) || !Array.isArray(server['routes'])) return server ?? null;
  const { routes } = server;
  const ours = routes.filter((route) => appOf(route) !== '').sort(compareRoutes);
  const theirs = routes.filter((route) => appOf(route) === '' && idOf(route) !== unmatchedId(name));
  if (!isOwnServer(name)) return { ...server, routes: [...ours, ...theirs] };
  if (ours.length + theirs.length === 0) return null;
  // Caddy says 200 to a request that no route takes.
  const unmatched = {
    '@id': unmatchedId(name),
    handle: [{ handler: 'static_response', status_code: 404, body: 'Nothing is served here.\n' }],
  };
  const whole = matchOf(ours.at(-1)) === null;
  return { ...server, routes: [...ours, ...theirs, ...(whole ? [] : [unmatched])] };
}

/** The name of the server that listens on the port. */
function serverOf(servers: JsonObject, port: number): string | undefined {
  return Object.keys(servers).find((name) => listAt(objectAt(servers, name), 'listen').some((address) => hasPort(String(address), port)));
}

/** Caddy's addresses: `:443`, `tcp/127.0.0.1:8000-8010`, `unix//run/x.sock`. */
function hasPort(address: string, port: number): boolean {
  if (/^unix/.test(address)) return false;
  const [, from = '0', to = from] = /:(\d+)(?:-(\d+))?$/.exec(address) ?? [];
  return Number(from) <= port && port <= Number(to);
}

/** The host counts before the path, an exact one before a wildcard, the longer path before the shorter; then the name, for one order everywhere. */
function compareRoutes(one: Json, other: Json): number {
  const [a, b] = [rank(one), rank(other)];
  return a.host - b.host || b.path - a.path || (idOf(one) < idOf(other) ? -1 : 1);
}

function rank(route: Json): { host: number; path: number } {
  const match = matchOf(route);
  const host = String(listAt(objectAt(match), 'host')[0] ?? '');
  const [path] = Object.values(objectAt(match, 'vars_regexp'));
  return { host: host === '' ? 2 : host.startsWith('*') ? 1 : 0, path: String(objectAt(path)['pattern'] ?? '').length };
}

import type { ProxyRoute, ProxyTls } from '@greenroom/sdk/proxy';

/** A route of a shared port, and whose it is. */
export interface SharedRoute extends ProxyRoute {
  /** Number of the app's traffic. */
  app: number;
}

/** Which route a host and a path are for: null when none is. */
export interface RouteTable {
  /** `host` is a value of `Host`; `path` is without its query. */
  find(host: string, path: string): SharedRoute | null;
  readonly isSecure: boolean;
  /** All certificates. */
  readonly certificates: readonly ProxyTls[];
  /** The certificate for a name in lower case; empty for none. */
  certificateFor(name: string): ProxyTls | undefined;
}

/** An exact host counts before `*.`, that before any host, and the longer path before the shorter. */
export function createRouteTable(routes: readonly SharedRoute[]): RouteTable {
  const byHost = new Map<string, SharedRoute[]>();
  for (const route of routes) {
    const host = route.host ?? ANY;
    byHost.set(host, [...(byHost.get(host) ?? []), route]);
  }
  for (const list of byHost.values()) list.sort((a, b) => lengthOf(b) - lengthOf(a));
  const find = (host: string, path: string): SharedRoute | null => firstOf(byHost.get(host), path);
  const certificates = routes.flatMap(({ tls }) => tls ?? []);
  const ofHost = (host: string): ProxyTls | undefined => byHost.get(host)?.find(({ tls }) => tls)?.tls;
  return {
    certificates,
    isSecure: certificates.length > 0,
    certificateFor: (name) => ofHost(name) ?? ofHost(wildcardOf(name)) ?? ofHost(ANY) ?? certificates[0],
    find(asked, path) {
      // Nearly always it is written as in the contract, and served by one route.
      const direct = asked === '' ? null : find(asked, path);
      if (direct) return direct;
      const host = hostName(asked);
      if (host === '') return find(ANY, path);
      return find(host, path) ?? find(wildcardOf(host), path) ?? find(ANY, path);
    },
  };
}

const ANY = '';

const lengthOf = ({ path = '' }: SharedRoute): number => path.length;

function firstOf(routes: readonly SharedRoute[] | undefined, path: string): SharedRoute | null {
  if (routes) for (const route of routes) if (route.path === undefined || isBelow(path, route.path)) return route;
  return null;
}

/** The name in a value of `Host`, as contracts write it: in lower case, without port and without a dot at its end. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/** `*.example.com` for `shop.example.com`. */
function wildcardOf(host: string): string {
  const dot = host.indexOf('.');
  return dot === -1 ? ' ' : `*${host.slice(dot)}`;
}

/** Segment by segment, on the bytes as they came: `/shopX` and `/%73hop` are not below `/shop`. */
export function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  const next = path[prefix.length];
  return next === undefined || next === '/' || next === '?';
}

/** What a server behind might read as another path than the one that was judged here. */
export function isAmbiguous(rest: string): boolean {
  return /\\|%2f|%5c|%00|\/(?:\.|%2e){1,2}(?:[/;]|$)/i.test(rest);
}

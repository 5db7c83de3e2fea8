/** Where an app is reached, as its contract says it. */
import type { Contract } from './contract.ts';
import { portBehind, type Route } from './contract-router.ts';

type Served = Pick<Contract, 'port' | 'internal_port' | 'routes' | 'router'>;

/** Every port that visitors and the orchestrator reach the app by; those of routes may be shared with other apps. */
export function portsOf({ port, internal_port, routes, router }: Served): { port: number; internal_port?: number; route_ports: number[] } {
  const route_ports = [...new Set(routes.map((route) => servedAt(route, router.kind).port))];
  return { port, ...(internal_port === undefined ? {} : { internal_port }), route_ports };
}

/** Where visitors reach the app, as URLs: by its routes, or by its port when there are none. */
export function addressesOf({ port, routes, router }: Pick<Served, 'port' | 'routes' | 'router'>): string[] {
  if (routes.length === 0) return [`http://localhost:${port}/`];
  return routes.map((route) => {
    const { scheme, port: on } = servedAt(route, router.kind);
    const at = on === DEFAULT_PORTS[scheme] ? '' : `:${on}`;
    return `${scheme}://${route.host ?? 'localhost'}${at}${route.path ?? ''}/`;
  });
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** Caddy serves a host by HTTPS without being told, on any port but that of plain HTTP. */
function servedAt(route: Route, kind: Contract['router']['kind']): { scheme: keyof typeof DEFAULT_PORTS; port: number } {
  const port = portBehind(kind, route);
  const secure = route.tls || (kind === 'caddy' && route.host !== undefined && port !== DEFAULT_PORTS.http);
  return { scheme: secure ? 'https' : 'http', port };
}

/** Where an app is reached, as its contract says it. */
import type { Contract } from './contract.ts';
import { portBehind, portOf, type Route } from './contract-router.ts';

type Served = Pick<Contract, 'port' | 'internal_port' | 'routes' | 'router'>;

/** Which ports are for plain HTTP and for HTTPS where a route names none: an operator's Caddyfile may set others for Caddy. */
export interface DefaultPorts {
  http: number;
  https: number;
}

const USUAL_PORTS: DefaultPorts = { http: 80, https: 443 };

/** Every port that visitors and the orchestrator reach the app by; those of routes may be shared with other apps. */
export function portsOf({ port, internal_port, routes, router }: Served): { port: number; internal_port?: number; route_ports: number[] } {
  const route_ports = [...new Set(routes.map((route) => portBehind(router.kind, route)))];
  return { port, ...(internal_port === undefined ? {} : { internal_port }), route_ports };
}

/** Where visitors reach the app: by its routes, or by its port when there are none. URLs, but for `*.example.com`, which is no address to open. */
export function addressesOf({ port, routes, router }: Pick<Served, 'port' | 'routes' | 'router'>, defaults = USUAL_PORTS): string[] {
  if (routes.length === 0) return [`http://localhost:${port}/`];
  return routes.map((route) => {
    const { scheme, port: on } = servedAt(route, router.kind, defaults);
    const { host = 'localhost', path = '' } = route;
    const place = `${host}${on === USUAL_PORTS[scheme] ? '' : `:${on}`}${path}`;
    return host.startsWith('*') ? place : `${scheme}://${place}/`;
  });
}

/** Caddy serves a host by HTTPS without being told, on any port but that of plain HTTP. */
function servedAt(route: Route, kind: Contract['router']['kind'], defaults: DefaultPorts): { scheme: keyof DefaultPorts; port: number } {
  if (kind !== 'caddy') return { scheme: route.tls ? 'https' : 'http', port: portOf(route) };
  const port = route.port ?? (route.host === undefined ? defaults.http : defaults.https);
  return { scheme: route.host !== undefined && port !== defaults.http ? 'https' : 'http', port };
}

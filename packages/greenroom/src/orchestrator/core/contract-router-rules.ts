import { ROUTER_KINDS } from '@greenroom/sdk/wire';
import type { ContractProblem } from './contract-problems.ts';
import { problemAt } from './contract-problems.ts';
import { portBehind } from './contract-router.ts';

type Fields = Record<string, unknown>;

/** Rules between `router`, `routes` and the ports. Looks only at values of the right type: the others are refused already. */
export function routerProblems(contract: Fields): ContractProblem[] {
  const router = isObject(contract['router']) ? contract['router'] : {};
  const { kind = 'embedded' } = router;
  return [...settingProblems(router, kind), ...routeProblems(contract, kind)];
}

const OWNERS = [
  ['admin', 'caddy'],
  ['config_dir', 'nginx'],
  ['command', 'nginx'],
] as const;

function settingProblems(router: Fields, kind: unknown): ContractProblem[] {
  const misplaced = OWNERS.filter(([field, owner]) => router[field] !== undefined && kind !== owner);
  return misplaced.map(([field, owner]) => problemAt(['router', field], router[field], `left out, unless router.kind is "${owner}"`));
}

function routeProblems(contract: Fields, kind: unknown): ContractProblem[] {
  const { routes } = contract;
  if (!Array.isArray(routes)) return [];
  const earlier: RoutePlace[] = [];
  return routes.flatMap((route: unknown, index) => {
    if (!isObject(route)) return [];
    const place = placeOf(kind, route);
    const problem = routeProblem(contract, kind, route, place, earlier, ['routes', index]);
    earlier.push(place);
    return problem ? [problem] : [];
  });
}

interface RoutePlace {
  host: string;
  path: string;
  port: number;
  tls: { certificate: string; key: string } | undefined;
}

function placeOf(kind: unknown, { host, path, port, tls }: Fields): RoutePlace {
  const known = ROUTER_KINDS.find((it) => it === kind) ?? 'embedded';
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const files = isObject(tls) ? { certificate: text(tls['certificate']), key: text(tls['key']) } : undefined;
  return {
    host: text(host),
    path: text(path),
    port: portBehind(known, {
      host: typeof host === 'string' ? host : undefined,
      port: typeof port === 'number' ? port : undefined,
      tls: files,
    }),
    tls: files,
  };
}

function routeProblem(
  contract: Fields,
  kind: unknown,
  route: Fields,
  place: RoutePlace,
  earlier: RoutePlace[],
  at: PropertyKey[],
): ContractProblem | undefined {
  if (kind === 'caddy' && route['tls'] !== undefined) {
    const hint = 'Caddy gets the certificates of its host names itself.';
    return problemAt([...at, 'tls'], route['tls'], 'left out with Caddy', hint);
  }
  const redirect = redirectProblem(contract, kind, route, at);
  if (redirect) return redirect;
  for (const field of ['port', 'internal_port'] as const) {
    if (place.port !== contract[field]) continue;
    const hint = field === 'port' ? 'With routes, port listens on 127.0.0.1 only.' : 'It is never reachable from outside.';
    return problemAt([...at, 'port'], place.port, `another port than ${field}`, hint);
  }
  if (earlier.some((other) => other.port === place.port && (other.tls === undefined) !== (place.tls === undefined)))
    return problemAt([...at, 'port'], place.port, 'a port whose routes all have tls, or none has it');
  const ofHost = earlier.filter((other) => other.port === place.port && other.host === place.host);
  if (ofHost.some((other) => other.path === place.path))
    return problemAt(at, route, 'another host, path or port than those of an earlier route');
  if (ofHost.some((other) => !isSamePair(other.tls, place.tls)))
    return problemAt(
      [...at, 'tls'],
      route['tls'],
      'the files of the earlier route of this host',
      'A host has one certificate, whatever the path.',
    );
  return undefined;
}

function isSamePair(one: RoutePlace['tls'], other: RoutePlace['tls']): boolean {
  return one?.certificate === other?.certificate && one?.key === other?.key;
}

function redirectProblem(contract: Fields, kind: unknown, route: Fields, at: PropertyKey[]): ContractProblem | undefined {
  const { redirect } = route;
  if (typeof redirect !== 'boolean') return undefined;
  if (kind !== 'embedded') return problemAt([...at, 'redirect'], redirect, 'left out, unless router.kind is "embedded"');
  const all = Array.isArray(contract['routes']) ? contract['routes'].filter(isObject) : [];
  const hasSecure = all.some(({ tls, host }) => isObject(tls) && (host === undefined || host === route['host']));
  if (route['tls'] !== undefined || (redirect && !hasSecure))
    return problemAt([...at, 'redirect'], redirect, 'left out, unless the route has no tls and another one of its host has');
  return undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

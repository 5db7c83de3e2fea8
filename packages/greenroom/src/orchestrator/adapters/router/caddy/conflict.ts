import { nameOf, otherApp } from '../names.ts';
import { isJsonEqual, isObject, type Json, type JsonObject, listAt, objectAt } from './json.ts';
import { appOf, idOf, isExclusive, matchOf, type WantedRoute } from './own-route.ts';

export interface Conflict {
  code: 'port_in_use' | 'route_taken';
  /** For people, with both parties and what to do. */
  error: string;
}

/** Why a route of the app may not go into the server: another app, or the operator's own configuration, has its place. `operators` names the operator's server. */
export function conflictOf(route: WantedRoute, app: string, server: JsonObject, operators: string): Conflict | null {
  const routes = listAt(server, 'routes');
  const others = routes.filter((other) => !['', app].includes(appOf(other)));
  const owner = others.find((other) => isExclusive(route.id) || isExclusive(idOf(other)));
  if (owner !== undefined)
    return inUse(
      `port ${route.port} is wanted by app "${nameOf(app)}", but ${otherApp(appOf(owner), app)} has it: give one of them another port in its contract`,
    );
  const twin = others.find((other) => isJsonEqual(matchOf(other), route.match && { ...route.match }));
  if (twin !== undefined) {
    const parties = `${placeName(route)} is wanted by app "${nameOf(app)}", but ${otherApp(appOf(twin), app)} has it`;
    return { code: 'route_taken', error: `${parties}: give one of them another host or path in its contract` };
  }
  if (operators === '') return null;
  const claim = `but the server "${operators}" of Caddy's own configuration has it`;
  if (isExclusive(route.id) || route.match === null)
    return inUse(
      `port ${route.port} is wanted by app "${nameOf(app)}", ${claim}: choose another port, or a route with a host, in the contract`,
    );
  const { host, vars_regexp } = route.match;
  if (host === undefined || vars_regexp !== undefined || !routes.some((other) => takesHost(other, host[0]))) return null;
  const error = `${placeName(route)} is wanted by app "${nameOf(app)}", ${claim}: take the host out there, or choose another in the contract`;
  return { code: 'route_taken', error };
}

const inUse = (error: string): Conflict => ({ code: 'port_in_use', error });

function placeName({ match, port }: WantedRoute): string {
  const [expression] = Object.values(match?.vars_regexp ?? {});
  const path = expression?.pattern.replace(/^\^|\(\[.*$/g, '').replaceAll('\\', '') ?? '';
  return `${match?.host?.[0] ?? 'every host'}${path} on port ${port}`;
}

/** Whether the operator's route takes all of the host. */
function takesHost(route: Json, host: string): boolean {
  const sets = appOf(route) === '' ? listAt(objectAt(route), 'match') : [];
  return sets.some((set) => isObject(set) && Object.keys(set).length === 1 && listAt(set, 'host').includes(host));
}

import { type Json, listAt, objectAt } from './json.ts';

/** A route of Greenroom's that Caddy is to have. */
export interface WantedRoute {
  /** `greenroom-<app>:<port>.<number>`: one of a kind in all of Caddy's configuration. Number 0 is the app's alone, whatever the host. */
  id: string;
  port: number;
  /** On 127.0.0.1 only. */
  loopback: boolean;
  /** What it takes of the requests to its port: null for all, on a server of its own. */
  match: RouteMatch | null;
  handle: Json[];
}

/** A matcher set of Caddy's. Both must hold. */
export interface RouteMatch {
  host?: [string];
  vars_regexp?: { [variable: string]: { pattern: string } };
}

const ID = /^greenroom-(.+):\d+\.(\d+)$/;

export const routePrefix = (app: string): string => `greenroom-${app}:`;
export const routeId = (app: string, port: number, number: number): string => `${routePrefix(app)}${port}.${number}`;

export function idOf(route: Json | undefined): string {
  const id = objectAt(route)['@id'];
  return typeof id === 'string' ? id : '';
}

/** Which app's route it is; empty for what is not Greenroom's. The answer to what no route takes belongs to nobody, and is made anew. */
export function appOf(route: Json | undefined): string {
  return ID.exec(idOf(route))?.[1] ?? '';
}

export function matchOf(route: Json | undefined): Json {
  return listAt(objectAt(route), 'match')[0] ?? null;
}

/** Whether it takes all of its port. */
export function isExclusive(id: string): boolean {
  return ID.exec(id)?.[2] === '0';
}

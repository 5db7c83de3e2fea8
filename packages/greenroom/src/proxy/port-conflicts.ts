/** Why an app cannot have the ports and routes that it wants, with both parties named. */
import { isDeepStrictEqual } from 'node:util';
import type { ProxyAppBody, ProxyRoute } from '@greenroom/sdk/proxy';
import { portOwner } from '../port-owner.ts';
import type { App } from './app.ts';
import { isSameDoor, isSamePlace, isSecure } from './bodies.ts';
import { type Refused, refuse } from './refused.ts';

export function conflictOf(apps: ReadonlyMap<string, App>, name: string, body: ProxyAppBody): Refused | null {
  for (const other of apps.values()) {
    if (other.name === name) continue;
    const conflict = conflictBetween({ name, body }, { name: other.name, body: other.saved() });
    if (conflict) return conflict;
  }
  return null;
}

/** The system refused the port. */
export async function refuseListen(name: string, body: ProxyAppBody, error: NodeJS.ErrnoException & { port?: number }): Promise<Refused> {
  const port = error.port ?? body.port;
  if (error.code === 'EADDRINUSE') {
    const owner = await portOwner(port);
    return refuse(
      409,
      'port_in_use',
      `port ${port} is wanted by app "${name}", but ${owner} listens on it: stop that, or change the port in the contract`,
    );
  }
  if (error.code === 'EACCES') {
    const ways = `let it with "setcap cap_net_bind_service=+ep ${process.execPath}", with AmbientCapabilities=CAP_NET_BIND_SERVICE in its systemd unit, or with "sysctl net.ipv4.ip_unprivileged_port_start=${port}"`;
    return refuse(403, 'port_forbidden', `port ${port} is wanted by app "${name}", but the proxy's user may not listen on it: ${ways}`);
  }
  return refuse(500, 'listen_failed', `port ${port} is wanted by app "${name}", but the proxy cannot listen on it: ${error.message}`);
}

interface Party {
  name: string;
  body: ProxyAppBody;
}

function conflictBetween(app: Party, other: Party): Refused | null {
  const [own, others] = [ownPorts(app.body), ownPorts(other.body)];
  const shared =
    [...own, ...routePorts(app.body)].find((port) => others.includes(port)) ?? own.find((port) => routePorts(other.body).includes(port));
  if (shared !== undefined) {
    const parties = `port ${shared} is wanted by app "${app.name}", but app "${other.name}" has it`;
    return refuse(409, 'port_in_use', `${parties}: give one of them another port in its contract`);
  }
  for (const route of app.body.routes ?? []) {
    const theirs = other.body.routes?.find(({ port }) => port === route.port);
    if (!theirs || isSecure(theirs) === isSecure(route)) continue;
    const [wanted, had] = isSecure(route) ? ['HTTPS', 'plain HTTP'] : ['plain HTTP', 'HTTPS'];
    const parties = `port ${route.port} is wanted by app "${app.name}" for ${wanted}, but app "${other.name}" is served there by ${had}`;
    return refuse(409, 'port_in_use', `${parties}: give one of them another port in its contract`);
  }
  const torn = certificatesOfOneHost(app, other);
  if (torn) return torn;
  const twin = app.body.routes?.find((route) => other.body.routes?.some((theirs) => isSamePlace(route, theirs)));
  if (!twin) return null;
  const parties = `${placeOf(twin)} is wanted by app "${app.name}", but app "${other.name}" has it`;
  return refuse(409, 'route_taken', `${parties}: give one of them another host or path in its contract`);
}

/** Of two certificates for one host visitors would get the one that was there first, whichever that is. */
function certificatesOfOneHost(app: Party, other: Party): Refused | null {
  for (const route of app.body.routes ?? []) {
    const theirs = other.body.routes?.find((it) => isSameDoor(it, route) && it.tls && route.tls && !isDeepStrictEqual(it.tls, route.tls));
    if (!theirs?.tls || !route.tls) continue;
    const parties = `${placeOf({ ...route, path: '' })} is wanted by app "${app.name}" with the certificate ${route.tls.certificate} and the key ${route.tls.key}, but app "${other.name}" has it with ${theirs.tls.certificate} and ${theirs.tls.key}`;
    return refuse(
      409,
      'route_taken',
      `${parties}: name the same files in both contracts, and stop one of the apps while you change the other`,
    );
  }
  return null;
}

function placeOf({ host = 'every host', path = '', port }: ProxyRoute): string {
  return `${host}${path} on port ${port}`;
}

export function ownPorts({ port, internal_port }: ProxyAppBody): number[] {
  return internal_port === undefined ? [port] : [port, internal_port];
}

function routePorts({ routes = [] }: ProxyAppBody): number[] {
  return routes.map(({ port }) => port);
}

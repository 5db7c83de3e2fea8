import { isListenedOn, portOwner, UNSEEN_OWNER } from '../../../../port-owner.ts';
import { portOf } from '../../../core/contract-router.ts';
import { nameOf, otherApp } from '../names.ts';
import { RouterError } from '../router-error.ts';
import type { Header, NginxSetting } from './setting.ts';

/**
 * What keeps an app from its ports and routes, as a sentence that names both parties: another app, or another program; null when nothing does. `own` is what
 * the app's file says, and `served` whether nginx serves the app: its ports are then not another's.
 */
export async function conflictOf(
  setting: NginxSetting,
  others: readonly Header[],
  own: Header | null,
  served: boolean,
): Promise<RouterError | null> {
  return conflictWithApps(setting, others) ?? (await conflictWithPrograms(setting, others, own, served));
}

function conflictWithApps({ app, port, internalPort, routes }: NginxSetting, others: readonly Header[]): RouterError | null {
  const ports = [port, internalPort].filter((it) => it > 0);
  for (const other of others) {
    const theirs = new Set([...other.ports, ...other.routes.map((route) => route.port)]);
    const shared = ports.find((it) => theirs.has(it)) ?? routes.map(portOf).find((it) => other.ports.includes(it));
    if (shared !== undefined)
      return new RouterError('port_in_use', `port ${shared}, which app "${nameOf(app)}" wants, is ${otherApp(other.app, app)}'s`);
    for (const route of routes) {
      const { host = '', path = '', tls } = route;
      const same = other.routes.filter((it) => it.port === portOf(route));
      const name = `${host || 'every host'}:${portOf(route)}${path}`;
      if (same.some((it) => it.host === host && it.path === path))
        return new RouterError(
          'route_taken',
          `the route ${name}, which app "${nameOf(app)}" wants, is ${otherApp(other.app, app)}'s already`,
        );
      if (same.some((it) => it.tls !== (tls !== undefined)))
        return new RouterError(
          'route_taken',
          `the route ${name} of app "${nameOf(app)}" has ${tls ? '' : 'no '}tls, but ${otherApp(other.app, app)} has routes on that port that differ`,
        );
      const theirs = same.find((it) => it.host === host && it.certificate !== undefined)?.certificate;
      if (tls && theirs !== undefined && theirs !== tls.certificate)
        return new RouterError(
          'route_taken',
          `the route ${name} of app "${nameOf(app)}" has the certificate ${tls.certificate}, but ${otherApp(other.app, app)} has that host with ${theirs}: name the same files in both contracts`,
        );
    }
  }
  return null;
}

async function conflictWithPrograms(
  setting: NginxSetting,
  others: readonly Header[],
  own: Header | null,
  served: boolean,
): Promise<RouterError | null> {
  const { app, port, internalPort, routes } = setting;
  const known = new Set([
    ...(own ? [...own.ports, ...own.routes.map((it) => it.port)] : []),
    ...others.flatMap((it) => it.routes.map((route) => route.port)),
  ]);
  const exclusive = [port, internalPort].filter((it) => it > 0);
  for (const wanted of [...exclusive, ...new Set(routes.map(portOf))]) {
    if (known.has(wanted) || !(await isListenedOn(wanted))) continue;
    const owner = await portOwner(wanted);
    const isNginx = owner.startsWith('"nginx: ');
    // Ports such as 80 are for all that nginx serves. Whose they are cannot always be seen: nginx says so when they are not its own.
    const mayBeNginx = isNginx || owner === UNSEEN_OWNER;
    if (mayBeNginx && (served || !exclusive.includes(wanted))) continue;
    const advice = isNginx ? ': it is in a part of its configuration that is your own' : '';
    return new RouterError('port_in_use', `port ${wanted}, which app "${nameOf(app)}" wants, is taken by ${owner}${advice}`);
  }
  return null;
}

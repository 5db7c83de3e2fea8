/** An app's part of nginx's configuration, as text. Does no I/O. */
import { createHash } from 'node:crypto';
import { portOf, type Route } from '../../../core/contract-router.ts';
import { headerLine, type NginxSetting } from './setting.ts';
import { appAway, block, keyOf, locations, type Names, namesOf, quoted, shared } from './upstream.ts';

/** What the machine, and not the contract, decides about the text. */
export interface Surroundings {
  /** Folder that holds the files, as nginx sees it. */
  configDir: string;
  ipv6: boolean;
  /** Changes when a certificate does, so that nginx reads it again. */
  certificates: string;
}

/** By their paths below the folder: `<app>.conf`, which is included by the operator, and what that includes. */
export type Files = Map<string, string>;

/** Stands in `X-Greenroom-Generation` of the answer to `Host: <checkHost>` on the app's port: the configuration that nginx really runs. */
export interface Rendered {
  files: Files;
  generation: string;
  checkHost: string;
}

const GENERATION = '@GENERATION@';

export function render(setting: NginxSetting, surroundings: Surroundings): Rendered {
  const names = namesOf(setting);
  const checkHost = checkHostOf(setting.app);
  const included = routeFiles(setting, names);
  const main = [
    header(setting),
    '# Written by Greenroom, which puts back what is changed here. What is your own belongs into a file of your own.',
    ...shared(setting, names),
    ...ownPort(setting, names, surroundings, checkHost),
    ...(setting.internalPort > 0 ? internalPort(setting, names) : []),
    ...routeServers(setting, surroundings),
    ...(surroundings.certificates ? [`# certificates ${surroundings.certificates}`] : []),
    '',
  ].join('\n');
  const generation = createHash('sha256')
    .update(main)
    .update(JSON.stringify([...included]))
    .digest('hex')
    .slice(0, 16);
  return { files: new Map([[`${setting.app}.conf`, main.replaceAll(GENERATION, generation)], ...included]), generation, checkHost };
}

/** A name that no visitor has. nginx takes no server name of more than 46 bytes unless it is told to. */
export function checkHostOf(app: string): string {
  return `${keyOf(app)}.invalid`;
}

function header({ app, port, internalPort, routes, upstream }: NginxSetting): string {
  return headerLine({
    app,
    ports: internalPort > 0 ? [port, internalPort] : [port],
    routes: routes.map((route) => ({
      port: portOf(route),
      host: route.host ?? '',
      path: route.path ?? '',
      tls: route.tls !== undefined,
      ...(route.tls ? { certificate: route.tls.certificate } : {}),
    })),
    target: upstream.by === 'port' ? upstream.target : null,
    recent: upstream.by === 'port' ? upstream.recent : {},
  });
}

function ownPort(setting: NginxSetting, names: Names, { ipv6 }: Surroundings, checkHost: string): string[] {
  const { port, routes } = setting;
  const everywhere = routes.length === 0;
  const addresses = everywhere ? [`${port}`, ...(ipv6 ? [`[::]:${port}`] : [])] : [`127.0.0.1:${port}`];
  return [
    ...block('server', [
      ...addresses.map((address) => `listen ${address} default_server;`),
      `server_name ${names.id};`,
      ...trust(setting),
      ...locations(setting, names, ['']),
    ]),
    // Says which configuration runs, and who serves it, to this machine only.
    ...block('server', [
      ...addresses.map((address) => `listen ${address};`),
      `server_name ${checkHost};`,
      'access_log off;',
      'if ($realip_remote_addr != 127.0.0.1) { return 404; }',
      'default_type text/plain;',
      `return 200 "${GENERATION} $pid\\n";`,
    ]),
  ];
}

function internalPort({ internalPort: port }: NginxSetting, names: Names): string[] {
  return block('server', [
    `listen 127.0.0.1:${port} default_server;`,
    `server_name ${names.id};`,
    'client_max_body_size 0;',
    ...block('location /', [`proxy_pass http://${names.id}_internal;`, ...names.proxyLines, `error_page 502 = @${names.id}_away;`]),
    ...appAway(names),
  ]);
}

/** One server for each port and host. The first of a port answers for hosts that nobody has: the one for every host, or else one that knows none. */
function routeServers(setting: NginxSetting, surroundings: Surroundings): string[] {
  return [...Map.groupBy(setting.routes, portOf).values()].flatMap((routes) => {
    const servers = [...Map.groupBy(routes, placeOf)].flatMap(([place, [route]]) => (route ? [{ place, route }] : []));
    const forAll = servers.filter(({ route }) => route.host === undefined);
    const first =
      forAll.length > 0 ? [] : servers.slice(0, 1).flatMap(({ route }) => nobodysServer(route, checkHostOf(setting.app), surroundings));
    const others = servers.filter((it) => !forAll.includes(it));
    return [...first, ...[...forAll, ...others].flatMap(({ route, place }) => hostServer(setting, route, place, surroundings))];
  });
}

function nobodysServer(route: Route, name: string, { ipv6 }: Surroundings): string[] {
  const refusal = route.tls ? ['ssl_reject_handshake on;'] : ['return 404;'];
  return block('server', [...listens(route, ipv6), `server_name ${name};`, ...refusal]);
}

/**
 * Apps may share a host: each has this server, of which nginx takes the first (and warns of the others), and the locations of all. So one of
 * them can go without the others.
 */
function hostServer(setting: NginxSetting, route: Route, place: string, { configDir, ipv6 }: Surroundings): string[] {
  const { host = '', tls } = route;
  return block('server', [
    ...listens(route, ipv6),
    `server_name ${host === '' ? '"" "~^"' : host};`,
    // nginx's own wildcard stands for any number of labels.
    ...(host.startsWith('*.') ? [`if ($host !~ "^[^.]+${host.slice(1).replaceAll('.', '\\.')}$") { return 404; }`] : []),
    ...(tls
      ? [`ssl_certificate ${quoted(tls.certificate)};`, `ssl_certificate_key ${quoted(tls.key)};`, 'ssl_protocols TLSv1.2 TLSv1.3;']
      : []),
    ...trust(setting),
    // Paths that no app has.
    'root /nonexistent;',
    'log_not_found off;',
    `include ${quoted(`${configDir}/routes/${place}/*.conf`)};`,
  ]);
}

function routeFiles(setting: NginxSetting, names: Names): [string, string][] {
  return [...Map.groupBy(setting.routes, placeOf)].map(([place, routes]) => [
    `routes/${place}/${setting.app}.conf`,
    `${locations(
      setting,
      names,
      routes.map((route) => route.path ?? ''),
    ).join('\n')}\n`,
  ]);
}

/** Of a host in the name of a folder, which has 255 letters at most. */
const MAX_HOST_IN_NAME = 200;

/** Name of the folder for a port and host; without a letter that means something in a pattern. */
function placeOf(route: Route): string {
  const host = (route.host ?? '').replace('*', '_') || '_';
  return `${portOf(route)}-${host.length > MAX_HOST_IN_NAME ? createHash('sha256').update(host).digest('hex') : host}`;
}

function listens(route: Route, ipv6: boolean): string[] {
  const port = portOf(route);
  const options = route.tls ? ' ssl' : '';
  return [`listen ${port}${options};`, ...(ipv6 ? [`listen [::]:${port}${options};`] : [])];
}

/** Whose word counts for the visitor's address. */
function trust({ trustedProxies }: NginxSetting): string[] {
  if (trustedProxies.length === 0) return [];
  return [...trustedProxies.map((network) => `set_real_ip_from ${network};`), 'real_ip_header X-Forwarded-For;', 'real_ip_recursive on;'];
}

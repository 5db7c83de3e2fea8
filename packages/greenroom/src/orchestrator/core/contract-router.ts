/** The fields of the contract that say which proxy leads to the app, and from where. */
import { ROUTER_KINDS, type RouterKind } from '@greenroom/sdk/wire';
import { z } from 'zod';
import { list, port, text } from './contract-parts.ts';
import { ABSOLUTE_PATH, CADDY_ADMIN, COMMAND, HOST_NAME, PATH_PREFIX } from './contract-patterns.ts';

export const DEFAULT_CADDY_ADMIN = 'http://127.0.0.1:2019';
const DEFAULT_NGINX_CONFIG_DIR = '/etc/nginx/greenroom.d';

const absolutePath = (what: string) =>
  text(ABSOLUTE_PATH, `${what}: an absolute path without ".." segments, quotes, "\\", "$", ";", "#", "{" and "}"`);

export const routerSettings = z
  .object(
    {
      kind: z
        .enum(ROUTER_KINDS, { error: 'one of "embedded", "caddy", "nginx"' })
        .default('embedded')
        .describe("Which proxy leads to the app: Greenroom's own, or the Caddy or nginx of the machine."),
      upstream: z
        .enum(['socket', 'port'], { error: '"socket" or "port"' })
        .default('socket')
        .describe(
          'Caddy and nginx only: how they reach the app. With `socket` a deploy changes nothing of theirs; `port` is for an app that can listen on TCP only.',
        ),
      admin: text(CADDY_ADMIN, 'a loopback address such as "http://127.0.0.1:2019", or a Unix socket such as "unix//run/caddy/admin.sock"')
        .optional()
        .describe(`Caddy only: its admin interface. \`${DEFAULT_CADDY_ADMIN}\` when left out.`),
      config_dir: absolutePath("the folder of Greenroom's files for nginx")
        .optional()
        .describe(`nginx only: the folder whose files your nginx.conf includes. \`${DEFAULT_NGINX_CONFIG_DIR}\` when left out.`),
      command: list(text(COMMAND, 'an argument, not empty'), 'a list of arguments, for example ["sudo", "nginx"]')
        .min(1, { error: 'a list of at least one argument, for example ["nginx"]' })
        .optional()
        .describe('nginx only: the program with its arguments, to which `-t` or `-s reload` is added. `["nginx"]` when left out.'),
    },
    { error: 'an object of settings, for example { "kind": "nginx" }' },
  )
  .prefault({})
  .describe('The proxy in front of the app.');

/** Whether a proxy that is another program's, and another user's, opens sockets in the data directory. */
export const reachesSockets = ({ router }: { router: z.output<typeof routerSettings> }): boolean =>
  router.kind !== 'embedded' && router.upstream === 'socket';

export const routeList = list(
  z.object(
    {
      host: text(HOST_NAME, 'a host name in lower case such as "shop.example.com", or "*.example.com" for all of one level below it')
        .optional()
        .describe('Host name; `*.` at its beginning stands for one more label. Any host when left out.'),
      path: text(PATH_PREFIX, 'a path of letters, digits, ".", "_", "~" and "-", without a "/" at its end, for example "/shop"')
        .optional()
        .describe('Prefix of the path, segment by segment; the app sees the whole path. Every path when left out.'),
      port: port()
        .optional()
        .describe('Port. When left out, 443 with `tls`, and for a host behind Caddy, which gets its certificate; else 80.'),
      tls: z
        .object(
          {
            certificate: absolutePath('the PEM file of the certificate with its chain').describe(
              'PEM file of the certificate and its chain.',
            ),
            key: absolutePath('the PEM file of the key').describe('PEM file of its key.'),
          },
          { error: 'an object with "certificate" and "key"' },
        )
        .optional()
        .describe('HTTPS with this certificate. Caddy gets its certificates itself.'),
      redirect: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe(
          'Embedded proxy only: whether visitors are sent to the HTTPS of the same host instead (308). When left out, on port 80 if there is a route with `tls` for it.',
        ),
    },
    { error: 'an object with "host", "path" or "port"' },
  ),
  'a list of routes, for example [{ "host": "shop.example.com" }]',
)
  .default([])
  .describe('Where else the app is served. `port` then listens on 127.0.0.1 only; without routes it serves every host and path.');

export const trustedProxies = list(
  z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], { error: 'an IP address or a network such as "10.0.0.0/8"' }),
  'a list of IP addresses and networks, for example ["10.0.0.0/8"]',
)
  .default([])
  .describe('Proxies in front of this one, whose word counts for the address of the visitor.');

export type Route = z.output<typeof routeList>[number];

/** The HTTPS port that visitors of a plain route are sent to; undefined when they are served where they are. */
export function redirectPort(route: Route, routes: readonly Route[]): number | undefined {
  if (route.tls || !(route.redirect ?? portOf(route) === HTTP_PORT)) return undefined;
  const secure = routes.find(({ tls, host, path }) => tls && [undefined, route.host].includes(host) && covers(path, route.path));
  return secure && portOf(secure);
}

const HTTP_PORT = 80;

function covers(path: string | undefined, other = ''): boolean {
  return path === undefined || other === path || other.startsWith(`${path}/`);
}

/** The port that a route is served on, by this kind of proxy: Caddy serves a host by HTTPS unless told otherwise. */
export function portBehind(kind: RouterKind, route: Pick<Route, 'host' | 'port' | 'tls'>): number {
  return kind === 'caddy' && route.host !== undefined ? (route.port ?? 443) : portOf(route);
}

/** Where nginx's files go, and what runs it. */
export function nginxSettings({ config_dir, command }: z.output<typeof routerSettings>): { configDir: string; command: readonly string[] } {
  return { configDir: config_dir ?? DEFAULT_NGINX_CONFIG_DIR, command: command ?? ['nginx'] };
}

/** The port that a route is served on by the embedded proxy and by nginx. */
export function portOf({ port, tls }: Pick<Route, 'port' | 'tls'>): number {
  return port ?? (tls ? 443 : HTTP_PORT);
}

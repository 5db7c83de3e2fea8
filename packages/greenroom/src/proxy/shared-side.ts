/** Which app a request on a shared port is for. */
import type { AppSide, Asked, Connection, Reply } from './data-path.ts';
import { createRouteTable, hostName, isAmbiguous, isBelow, type RouteTable, type SharedRoute } from './route-table.ts';
import { type Certificates, createCertificates } from './tls/certificates.ts';

/** The routes of a shared port, in the process that moves its bytes. */
export interface SharedSide {
  readonly side: AppSide;
  /** Resolves when these count. */
  set(routes: readonly SharedRoute[]): Promise<void>;
  close(): void;
}

/** A certificate authority asks here, by plain HTTP, who has the host. */
const AUTHORITY_PATH = '/.well-known/acme-challenge';

/** `publicOf` answers the side of the app with this number; undefined when there is no such app any more. */
export function createSharedSide(publicOf: (app: number) => AppSide | undefined): SharedSide {
  // What there is to say of them is said once, by the proxy itself.
  const certificates: Certificates = createCertificates(() => undefined);
  let table: RouteTable = createRouteTable([]);
  const routeOf = ({ host, path }: Asked): SharedRoute | null => table.find(host, withoutQuery(path));

  function pick(asked: Asked, by: Connection): ReturnType<AppSide['pick']> {
    const route = routeOf(asked);
    if (by.tlsName !== '' && isMisdirected(route, asked, by.tlsName)) return MISDIRECTED;
    if (!route) return NOWHERE;
    const path = withoutQuery(asked.path);
    if (route.path !== undefined && isAmbiguous(path.slice(route.path.length))) return AMBIGUOUS;
    const app = publicOf(route.app);
    // A proxy in front that ends HTTPS itself would be sent here again and again.
    const isPlain = by.proto(asked.forged, app?.trusts) === 'http';
    if (route.redirect !== undefined && isPlain && asked.host !== '' && !isBelow(path, AUTHORITY_PATH))
      return redirect(route.redirect, asked);
    return app?.pick(asked, by) ?? null;
  }

  /** A connection for one app's host carries requests for another's: a browser does so where one certificate is for both. */
  function isMisdirected(route: SharedRoute | null, { host, path }: Asked, tlsName: string): boolean {
    return hostName(host) !== tlsName && table.find(tlsName, withoutQuery(path))?.app !== route?.app;
  }

  return {
    side: {
      pick,
      onFailure(status, asked) {
        const route = routeOf(asked);
        if (route) publicOf(route.app)?.onFailure(status, asked);
      },
      isSecure: () => table.isSecure,
      pairFor(name) {
        const files = table.certificateFor(name);
        return files ? certificates.pair(files) : null;
      },
    },
    async set(routes) {
      const next = createRouteTable(routes);
      // Those of before are wanted until the next count.
      await certificates.use([...table.certificates, ...next.certificates]);
      table = next;
      await certificates.use(next.certificates);
    },
    close: () => certificates.close(),
  };
}

const NOWHERE = reply(404, 'No app is served at this host and path.');
const AMBIGUOUS = reply(400, 'Bad request: dots or slashes in disguise in the path.');
const MISDIRECTED = reply(421, 'This connection was opened for another host. Open one for this host.');

function redirect(port: number, { host, path }: Asked): Reply {
  const Location = `https://${hostName(host)}${port === 443 ? '' : `:${port}`}${path === '*' ? '/' : path}`;
  return { status: 308, headers: ['Location', Location, 'Cache-Control', 'no-store'], body: '' };
}

function reply(status: number, text: string): Reply {
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'], body: `${text}\n` };
}

function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

/** Which app a request on a shared port is for. */
import type { AppSide, Asked, Reply } from './data-path.ts';
import { isAmbiguous, type RouteTable, type SharedRoute } from './route-table.ts';

/** `publicOf` answers the side of the app with this number; undefined when there is no such app any more. */
export function sharedSide(table: () => RouteTable | undefined, publicOf: (app: number) => AppSide | undefined): AppSide {
  const routeOf = ({ host, path }: Asked): SharedRoute | null => table()?.find(host, withoutQuery(path)) ?? null;
  return {
    pick(asked) {
      const route = routeOf(asked);
      if (!route) return NOWHERE;
      if (route.path !== undefined && isAmbiguous(withoutQuery(asked.path).slice(route.path.length))) return AMBIGUOUS;
      return publicOf(route.app)?.pick(asked) ?? null;
    },
    onFailure(status, asked) {
      const route = routeOf(asked);
      if (route) publicOf(route.app)?.onFailure(status, asked);
    },
  };
}

const NOWHERE = reply(404, 'No app is served at this host and path.');
const AMBIGUOUS = reply(400, 'Bad request: dots or slashes in disguise in the path.');

function reply(status: number, text: string): Reply {
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'], body: `${text}\n` };
}

function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

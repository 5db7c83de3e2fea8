import type { DefaultPorts } from '../../../core/contract-addresses.ts';
import { DEFAULT_CADDY_ADMIN } from '../../../core/contract-router.ts';
import type { Layout } from '../../../layout.ts';
import { whyUnreachable } from '../reach.ts';
import { createCaddyAdmin } from './admin.ts';
import { objectAt } from './json.ts';
import { idOf, routePrefix } from './own-route.ts';
import { httpPorts } from './routes.ts';

export interface CaddyFindings {
  /** Why its admin interface cannot be used, in a sentence; empty when it can. The rest is not known then. */
  away: string;
  /** Whether its configuration has routes of the app. */
  serves: boolean;
  /** Why it cannot get to the app's sockets, in a sentence; empty when it can. */
  unreachable: string;
}

/** What speaks against serving the app by the Caddy at this address. `app` is its name for the proxy; without a layout its sockets are not looked for. */
export async function examineCaddy(address: string, app: string, layout: Layout | null): Promise<CaddyFindings> {
  const admin = createCaddyAdmin(address);
  const read = await admin.read().catch((error: Error) => error);
  if (read instanceof Error) return { away: read.message, serves: false, unreachable: '' };
  const servers = Object.values(objectAt(read.config, 'apps', 'http', 'servers'));
  const routes = servers.flatMap((server) => objectAt(server)['routes'] ?? []);
  const uid = await admin.user();
  return {
    away: '',
    serves: routes.some((route) => idOf(route).startsWith(routePrefix(app))),
    unreachable: uid === null || layout === null ? '' : await whyUnreachable('Caddy', { uid, gids: null }, layout),
  };
}

/** The ports that the operator gave this Caddy for HTTP and HTTPS; undefined when it does not answer. */
export async function examineCaddyPorts(address: string = DEFAULT_CADDY_ADMIN): Promise<DefaultPorts | undefined> {
  const read = await createCaddyAdmin(address)
    .read()
    .catch(() => undefined);
  if (!read) return undefined;
  const { plain: http, https } = httpPorts(objectAt(read.config, 'apps', 'http'));
  return { http, https };
}

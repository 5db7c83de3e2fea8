import { setTimeout as delay } from 'node:timers/promises';
import { portOwner } from '../../../../port-owner.ts';
import { RouterError } from '../router-error.ts';
import { type CaddyAdmin, CaddyUnreachable } from './admin.ts';
import { arrange } from './arrange.ts';
import { isJsonEqual, isObject, type Json, type JsonObject, objectAt } from './json.ts';
import type { WantedRoute } from './own-route.ts';

/** How long a change is tried again while Caddy is away, or others change its configuration at the same time. */
const DEADLINE_MS = 10_000;
/** Several orchestrators may put their routes back in the same moment: each at another. */
const LONGEST_PAUSE_MS = 40;

/**
 * Makes Caddy have the app's wanted routes and no others of it, by one change that is made only if nobody else changed anything since the look before it,
 * and looked at afterwards. Answers whether anything had to be changed. Rejects with `RouterError`, and then nothing is changed, or with
 * `CaddyUnreachable`, and then it may be.
 */
export async function applyRoutes(admin: CaddyAdmin, app: string, wanted: (http: JsonObject) => WantedRoute[]): Promise<boolean> {
  const deadline = Date.now() + DEADLINE_MS;
  for (let changed = false; ; ) {
    const outcome = await tryOnce(admin, app, wanted).catch((error: Error) => {
      // A change by somebody else may break the connection of this one; whether it took place shows in the next look.
      if (!(error instanceof CaddyUnreachable) || Date.now() > deadline) throw error;
      return 'again' as const;
    });
    if (outcome === 'as_wanted') return changed;
    if (Date.now() > deadline) throw new RouterError('proxy_busy', "Caddy's configuration is changed by others without a pause.");
    changed ||= outcome === 'written';
    if (outcome === 'again') await delay(Math.random() * LONGEST_PAUSE_MS);
  }
}

async function tryOnce(
  admin: CaddyAdmin,
  app: string,
  wanted: (http: JsonObject) => WantedRoute[],
): Promise<'as_wanted' | 'written' | 'again'> {
  const { config, etag } = await admin.read();
  const http = objectAt(config, 'apps', 'http');
  const before = objectAt(http, 'servers');
  const arranged = arrange(before, app, wanted(http));
  if (!arranged.ok) throw new RouterError(arranged.code, arranged.error);
  if (isJsonEqual(before, arranged.servers)) return 'as_wanted';
  const { path, value } = placeOf(config, arranged.servers);
  const written = await admin.write(path, value, etag);
  if (written.status === 'refused') throw await refusal(app, written.error);
  return written.status === 'written' ? 'written' : 'again';
}

/** Caddy sets what is missing only where its parent is there. */
function placeOf(config: Json, servers: JsonObject): { path: string[]; value: Json } {
  const path: string[] = [];
  let value: Json = servers;
  const keys = ['apps', 'http', 'servers'];
  for (let at: Json | undefined = config; keys.length > 0 && isObject(at); at = at[path.at(-1) ?? '']) path.push(keys.shift() ?? '');
  for (const key of keys.reverse()) value = { [key]: value };
  return { path, value };
}

async function refusal(app: string, error: string): Promise<RouterError> {
  const [, port] = /:(\d+): bind: address already in use/.exec(error) ?? [];
  if (port === undefined) return new RouterError('proxy_refused', `Caddy refused the routes of "${app}": ${error}`);
  const owner = await portOwner(Number(port));
  return new RouterError(
    'port_in_use',
    `port ${port} is wanted by app "${app}", but ${owner} listens on it: stop that, or change the port in the contract`,
  );
}

import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { isListenedOn, portOwner } from '../../../../port-owner.ts';
import { RouterError } from '../router-error.ts';
import { type CaddyAdmin, CaddyUnreachable } from './admin.ts';
import { arrange, isOwnServer, ownPort } from './arrange.ts';
import { isJsonEqual, isObject, type Json, type JsonObject, objectAt } from './json.ts';
import type { WantedRoute } from './own-route.ts';
import { httpPorts } from './routes.ts';

/** How long a change is tried again while Caddy is away, or others change its configuration at the same time. */
const DEADLINE_MS = 10_000;
/** Several orchestrators may put their routes back in the same moment: each at another. */
const LONGEST_PAUSE_MS = 40;
const CLOSING_LIMIT_MS = 500;
const CLOSING_LOOK_MS = 10;

type Wanted = (http: JsonObject) => WantedRoute[];

/**
 * Makes Caddy have the app's wanted routes and no others of it, by one change that is made only if nobody else changed anything since the look before it,
 * and looked at afterwards. Answers whether anything had to be changed. Rejects with `RouterError`, and then nothing is changed, or with
 * `CaddyUnreachable`, and then it may be.
 */
export async function applyRoutes(admin: CaddyAdmin, app: string, wanted: Wanted, patienceMs = DEADLINE_MS): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
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

async function tryOnce(admin: CaddyAdmin, app: string, wanted: Wanted): Promise<'as_wanted' | 'written' | 'again'> {
  const { config, etag } = await admin.read();
  const http = objectAt(config, 'apps', 'http');
  const before = objectAt(http, 'servers');
  const arranged = arrange(before, app, wanted(http));
  if (!arranged.ok) throw new RouterError(arranged.code, arranged.error);
  if (isJsonEqual(before, arranged.servers)) return 'as_wanted';
  const { servers, freshPorts } = firstStep(before, arranged.servers);
  for (const port of freshPorts) if (!(port === httpPorts(http).plain && (await isCaddys(port)))) await requireFree(port, app);
  const { path, value } = placeOf(config, servers);
  const written = await admin.write(path, value, etag);
  if (written.status === 'refused') throw refusal(app, written.error);
  return written.status === 'written' ? 'written' : 'again';
}

/** A server whose address changes is first closed: Caddy would open the new one while it still has the old. Also the ports that the step opens. */
function firstStep(before: JsonObject, after: JsonObject): { servers: JsonObject; freshPorts: number[] } {
  const names = Object.keys(after).filter(isOwnServer);
  const listen = (servers: JsonObject, name: string): Json | undefined => objectAt(servers, name)['listen'];
  const moved = names.filter((name) => before[name] !== undefined && !isJsonEqual(listen(before, name), listen(after, name)));
  const servers = Object.fromEntries(Object.entries(after).filter(([name]) => !moved.includes(name)));
  const freshPorts = names.filter((name) => before[name] === undefined).map(ownPort);
  return { servers, freshPorts };
}

/**
 * Asked before Caddy is: one that meets a taken port refuses the configuration, but goes on serving part of it beside what it had (measured with 2.6.2),
 * until it is started again. What Caddy itself has just closed may take a moment.
 */
async function requireFree(port: number, app: string): Promise<void> {
  const deadline = Date.now() + CLOSING_LIMIT_MS;
  while (await isListenedOn(port)) {
    if (Date.now() < deadline) await delay(CLOSING_LOOK_MS);
    else throw inUse(port, app, await portOwner(port));
  }
}

/** Where it redirects to HTTPS, Caddy listens on its port for plain HTTP without a server in its configuration, and shares that with one. */
function isCaddys(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, agent: false, timeout: CLOSING_LIMIT_MS }, (answer) => {
      resolve(answer.headers.server === 'Caddy');
      answer.destroy();
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

const inUse = (port: number, app: string, owner: string): RouterError =>
  new RouterError(
    'port_in_use',
    `port ${port} is wanted by app "${app}", but ${owner} listens on it: stop that, or change the port in the contract`,
  );

/** Caddy sets what is missing only where its parent is there. */
function placeOf(config: Json, servers: JsonObject): { path: string[]; value: Json } {
  const path: string[] = [];
  let value: Json = servers;
  const keys = ['apps', 'http', 'servers'];
  for (let at: Json | undefined = config; keys.length > 0 && isObject(at); at = at[path.at(-1) ?? '']) path.push(keys.shift() ?? '');
  for (const key of keys.reverse()) value = { [key]: value };
  return { path, value };
}

function refusal(app: string, error: string): RouterError {
  const advice = / bind: /.test(error) ? ' Restart Caddy: until then it may serve part of what it refused.' : '';
  return new RouterError('proxy_refused', `Caddy refused the routes of "${app}": ${error}.${advice}`);
}

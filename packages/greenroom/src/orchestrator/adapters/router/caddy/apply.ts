import { setTimeout as delay } from 'node:timers/promises';
import { nameOf } from '../names.ts';
import { RouterError } from '../router-error.ts';
import { type CaddyAdmin, CaddyUnreachable } from './admin.ts';
import { arrange, isOwnServer, ownPort } from './arrange.ts';
import { isJsonEqual, isObject, type Json, type JsonObject, listAt, objectAt } from './json.ts';
import { appOf, type WantedRoute } from './own-route.ts';
import { createPortLook, type PortLook } from './port-look.ts';
import { httpPorts } from './routes.ts';

/** How long a change is tried again while Caddy is away, or others change its configuration at the same time. */
const DEADLINE_MS = 10_000;
/** Several orchestrators may put their routes back in the same moment: each at another. */
const LONGEST_PAUSE_MS = 40;
const UNDO_LIMIT_MS = 5_000;

type Wanted = (http: JsonObject) => WantedRoute[];

/**
 * Makes Caddy have the app's wanted routes and no others of it, by one change that is made only if nobody else changed anything since the look before it,
 * and looked at afterwards. Answers whether anything had to be changed. Rejects with `RouterError` or `CaddyUnreachable`; an app that had no routes has
 * none then, as far as Caddy still answers.
 */
export async function applyRoutes(admin: CaddyAdmin, app: string, wanted: Wanted, patienceMs = DEADLINE_MS): Promise<boolean> {
  const work: Work = { admin, app, wanted, ports: createPortLook(app), wasThere: null, mayBeWritten: false };
  try {
    return await untilWanted(work, patienceMs);
  } catch (error) {
    if (work.mayBeWritten && work.wasThere === false) await takeOut(admin, app);
    throw error;
  }
}

interface Work {
  admin: CaddyAdmin;
  app: string;
  wanted: Wanted;
  ports: PortLook;
  /** Whether Caddy had routes of the app at the first look. */
  wasThere: boolean | null;
  /** Whether Caddy was asked for a change that it did not refuse. */
  mayBeWritten: boolean;
}

async function untilWanted(work: Work, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  for (let changed = false; ; ) {
    const outcome = await tryOnce(work).catch((error: Error) => {
      // A change by somebody else may break the connection of this one; whether it took place shows in the next look.
      if (!(error instanceof CaddyUnreachable) || Date.now() > deadline) throw error;
      return 'again' as const;
    });
    if (outcome === 'as_wanted') return changed;
    changed ||= outcome === 'written';
    // What is written is looked at once more, however late it is.
    if (outcome !== 'written' && Date.now() > deadline)
      throw new RouterError('proxy_busy', "Caddy's configuration is changed by others without a pause.");
    if (outcome === 'again') await delay(Math.random() * LONGEST_PAUSE_MS);
  }
}

async function tryOnce(work: Work): Promise<'as_wanted' | 'written' | 'looked' | 'again'> {
  const { admin, app, wanted, ports } = work;
  const { config, etag } = await admin.read();
  const http = objectAt(config, 'apps', 'http');
  const before = objectAt(http, 'servers');
  work.wasThere ??= hasRoutesOf(before, app);
  const arranged = arrange(before, app, wanted(http));
  if (!arranged.ok) throw new RouterError(arranged.code, arranged.error);
  if (isJsonEqual(before, arranged.servers)) return 'as_wanted';
  const { servers, freshPorts } = firstStep(before, arranged.servers);
  // A look takes its time, and others may change something meanwhile: what is written rests on a snapshot that is taken after it.
  if (!ports.areFree(freshPorts)) {
    await ports.look(freshPorts, httpPorts(http).plain);
    return 'looked';
  }
  const { path, value } = placeOf(config, servers);
  work.mayBeWritten = true;
  const written = await admin.write(path, value, etag);
  if (written.status === 'refused') throw refusal(app, written.error);
  return written.status === 'written' ? 'written' : 'again';
}

/** What was begun by a start that fails is not left behind. */
async function takeOut(admin: CaddyAdmin, app: string): Promise<void> {
  const work: Work = { admin, app, wanted: () => [], ports: createPortLook(app), wasThere: true, mayBeWritten: false };
  // Nothing more can be done about it, and the first failure is the one to tell.
  await untilWanted(work, UNDO_LIMIT_MS).catch(() => undefined);
}

function hasRoutesOf(servers: JsonObject, app: string): boolean {
  return Object.keys(servers).some((name) => listAt(objectAt(servers, name), 'routes').some((route) => appOf(route) === app));
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
  return new RouterError('proxy_refused', `Caddy refused the routes of "${nameOf(app)}": ${error}.${advice}`);
}

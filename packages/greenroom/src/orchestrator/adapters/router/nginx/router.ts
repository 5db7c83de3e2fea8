import { fail, ok, type Result } from '../../../core/result.ts';
import { type Layout, socketsOf } from '../../../layout.ts';
import type { Router, RouteTarget } from '../../../ports.ts';
import { tcpConnections, unixConnections } from '../connections.ts';
import { type Traffic, untilIdle } from '../idle.ts';
import { createLiveSocket } from '../live-socket.ts';
import { nameOf } from '../names.ts';
import { userOf, whyUnreachable } from '../reach.ts';
import { RouterError } from '../router-error.ts';
import type { Served } from '../served.ts';
import { type Rendered, render } from './config.ts';
import { conflictOf } from './conflicts.ts';
import { openFolder } from './files.ts';
import { install, recover, remove, type Site } from './install.ts';
import { ask, createProgram } from './program.ts';
import { type NginxSetting, readHeader, type Upstream } from './setting.ts';
import { conflictWithSites } from './sites.ts';
import { surroundingsOf } from './surroundings.ts';
import { watchFiles } from './watch.ts';

/** Ports of this many instances are remembered, for drains that a new orchestrator takes up. */
const RECENT = 5;
/** After what could not be healed, nginx is left alone for this long, unless its files change or somebody asks for the route. */
const PAUSE_AFTER_FAILURE_MS = 60_000;

export interface NginxRouterOptions extends Served {
  upstream: 'socket' | 'port';
  layout: Pick<Layout, 'data' | 'run' | 'sockets' | 'liveSockets'>;
  /** The folder that the operator's nginx.conf includes. */
  configDir: string;
  /** Runs nginx: `["nginx"]`. */
  command: readonly string[];
  log: (line: string) => void;
}

/**
 * The `Router` over the machine's nginx. By sockets, nginx's configuration is written once, and a swap renames a link; by ports, each swap is a new
 * configuration and a reload. Every configuration is tested before nginx reads it, and taken back when nginx refuses it. While registered, files that
 * somebody changes or removes are put back.
 */
export function createNginxRouter(options: NginxRouterOptions): Router {
  const { app, port, layout, configDir, log } = options;
  const live = options.upstream === 'socket' ? createLiveSocket(layout) : null;
  const folder = openFolder(configDir);
  let upstream: Upstream = live ? { by: 'socket', links: live.links } : { by: 'port', target: null, recent: {} };
  let registered = false;
  let stopWatching: (() => void) | null = null;
  let last: Promise<unknown> = Promise.resolve();
  let trouble: { message: string; until: number } | null = null;
  let saidThatThereAreNoPreviews = false;

  const setting = (): NginxSetting => ({
    app,
    port,
    internalPort: options.internalPort ?? 0,
    routes: options.routes,
    trustedProxies: options.trustedProxies,
    ...(options.chat ? { chat: options.chat } : {}),
    upstream,
  });
  const rendered = async (place = configDir): Promise<Rendered> => render(setting(), await surroundingsOf(place, options.routes));
  const site: Site = {
    app,
    port,
    configDir,
    folder,
    program: createProgram(options.command),
    renderIn: async (place) => (await rendered(place)).files,
  };

  function serially<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  async function register(): Promise<void> {
    await recover(site);
    const own = readHeader((await folder.read(app)).get(`${app}.conf`) ?? '');
    if (own && upstream.by === 'port') upstream = { by: 'port', target: own.target, recent: own.recent };
    const served = typeof (await ask(port, (await rendered()).checkHost)) === 'object';
    const conflict = await conflictOf(setting(), await folder.others(app), own, served);
    if (conflict) throw conflict;
    const taken = options.routes.some((route) => route.host) ? conflictWithSites(setting(), (await site.program.test()).stdout) : null;
    if (taken) throw taken;
    const refused = await tried(async () => await install(site, await rendered()));
    if (refused) throw refused;
    const barred = await unreachable();
    // What was served before goes on; what never was leaves nothing in nginx.
    if (barred && !own) await remove(site, (await rendered()).checkHost);
    if (barred) throw barred;
    registered = true;
    stopWatching ??= watchFiles(configDir, `${app}.conf`, (why) => void serially(() => heal(why)).catch(tellTrouble));
  }

  /** Links that nginx's workers may not follow would make an app that is live answer 503. */
  async function unreachable(): Promise<RouterError | null> {
    const answer = live && (await ask(port, (await rendered()).checkHost));
    const why = typeof answer === 'object' && answer ? await whyUnreachable("nginx's workers", userOf(answer.worker), layout) : '';
    return why ? new RouterError('data_unreachable', why) : null;
  }

  /** Puts back what somebody took away. Throws `RouterError` when that is not possible. */
  async function heal(why: 'asked' | 'changed' | 'time'): Promise<void> {
    if (!registered) return;
    if (why === 'time' && trouble && Date.now() < trouble.until) return;
    const wanted = await rendered();
    const answer = await ask(port, wanted.checkHost);
    const inForce = typeof answer === 'object' && answer.generation === wanted.generation;
    if (inForce && (await folder.holds(app, wanted.files))) {
      if (trouble) log('nginx serves the app as it should again');
      endTrouble();
      return;
    }
    const problem = await tried(() => install(site, wanted, { keep: true }));
    if (problem) throw problem;
    endTrouble();
    log(`nginx's configuration of app "${nameOf(app)}" had been changed or lost, and was put back`);
  }

  function tellTrouble(error: Error): void {
    if (trouble?.message !== error.message) log(`nginx does not serve the app as it should: ${error.message}`);
    if (!trouble) options.onTrouble?.(true);
    trouble = { message: error.message, until: Date.now() + PAUSE_AFTER_FAILURE_MS };
  }

  function endTrouble(): void {
    if (trouble) options.onTrouble?.(false);
    trouble = null;
  }

  async function switchPort(target: RouteTarget | null): Promise<Result<void>> {
    if (upstream.by !== 'port') throw new Error('not reached by ports');
    const before = upstream;
    const recent = target ? { ...without(before.recent, target.instance), [target.instance]: target.port } : before.recent;
    upstream = { by: 'port', target, recent: Object.fromEntries(Object.entries(recent).slice(-RECENT)) };
    const problem = await tried(async () => await install(site, await rendered(), { known: true }));
    if (!problem) return ok(undefined);
    upstream = before;
    return fail({
      code: 'promote_failed',
      error: `nginx did not switch app "${nameOf(app)}" to ${target ? `instance ${target.instance}` : 'nothing'}: ${problem.message}`,
    });
  }

  async function routedTo(): Promise<string | null> {
    if (upstream.by === 'port') return upstream.target?.instance ?? null;
    return (await live?.current()) ?? null;
  }

  return {
    register: () => serially(register),
    switchTo: (target) => serially(() => (live ? live.point(target?.instance ?? null) : switchPort(target))),
    async preview(shown) {
      if (!shown || saidThatThereAreNoPreviews) return;
      saidThatThereAreNoPreviews = true;
      log('Deploys cannot be looked at before they are approved: that takes the embedded proxy.');
    },
    current: () =>
      serially(async () => {
        await heal('asked');
        return await routedTo();
      }),
    drain(instance, limits) {
      const look = live ? () => socketTraffic(layout, instance) : () => portTraffic(upstream, instance);
      return untilIdle(look, async () => (await routedTo()) === instance, limits);
    },
    deregister: () =>
      serially(async () => {
        if (!registered) return;
        registered = false;
        stopWatching?.();
        stopWatching = null;
        await live?.point(null);
        const problem = await tried(async () => await remove(site, (await rendered()).checkHost));
        if (problem) log(`the ports could not be given back: ${problem.message}`);
        if (!live) upstream = { by: 'port', target: null, recent: {} };
      }),
    close() {
      registered = false;
      stopWatching?.();
      stopWatching = null;
    },
  };
}

/** What the operating system refuses, a full disk for example, is no bug. What was begun by then is finished by the next registration. */
async function tried(work: () => Promise<RouterError | null>): Promise<RouterError | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RouterError) return error;
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    return new RouterError('config_dir_unwritable', `nginx's files cannot be written: ${error.message}`, { cause: error });
  }
}

async function socketTraffic(layout: Pick<Layout, 'sockets'>, instance: string): Promise<Traffic> {
  const sockets = socketsOf(layout, instance);
  const [requests = 0, streams = 0, internal = 0] = await unixConnections([sockets.requests, sockets.streams, sockets.internal]);
  return { requests: requests + internal, streams };
}

async function portTraffic(upstream: Upstream, instance: string): Promise<Traffic> {
  const port = upstream.by === 'port' ? upstream.recent[instance] : undefined;
  return { requests: port === undefined ? 0 : await tcpConnections(port), streams: 0 };
}

function without(record: Readonly<Record<string, number>>, name: string): Record<string, number> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}

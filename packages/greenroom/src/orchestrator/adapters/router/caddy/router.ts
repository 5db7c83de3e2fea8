import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_CADDY_ADMIN } from '../../../core/contract-router.ts';
import { fail, type Result } from '../../../core/result.ts';
import type { Layout } from '../../../layout.ts';
import type { Router } from '../../../ports.ts';
import { untilIdle } from '../idle.ts';
import { nameOf } from '../names.ts';
import { whyUnreachable } from '../reach.ts';
import { RouterError } from '../router-error.ts';
import type { Served } from '../served.ts';
import { CaddyUnreachable, createCaddyAdmin } from './admin.ts';
import { applyRoutes } from './apply.ts';
import { type Live, liveByPort, liveBySocket } from './live.ts';
import { type Abilities, type Upstream, wantedRoutes } from './routes.ts';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
/** A restart of Caddy is no trouble yet. */
const TROUBLE_AFTER_MS = 2_000;
/** Caddy is back from a restart by then; whoever asks where requests go does not wait longer. */
const ASKED_PATIENCE_MS = 3_000;

export interface CaddyRouterOptions extends Served {
  layout: Layout;
  /** `unix//run/caddy/admin.sock`, or `http://127.0.0.1:2019`, which is the default. */
  admin?: string | undefined;
  upstream: 'socket' | 'port';
  /** How long a call waits for a Caddy that is away, in milliseconds. */
  patienceMs?: number;
  log: (line: string) => void;
}

/**
 * The `Router` over a Caddy that the operator runs, by its admin interface. While registered it holds a connection there, which Caddy closes whenever its
 * configuration changes, by a reload for example, or ends: then the app's routes are looked at, and put back when they are gone.
 */
export function createCaddyRouter(options: CaddyRouterOptions): Router {
  const { app, layout, log } = options;
  const admin = createCaddyAdmin(options.admin ?? DEFAULT_CADDY_ADMIN);
  const live: Live = options.upstream === 'socket' ? liveBySocket(layout) : liveByPort(layout.savedRoute);
  let abilities: Abilities | undefined;
  let watch: AbortController | null = null;
  let last: Promise<unknown> = Promise.resolve();
  let toldOfPreviews = false;

  async function apply(upstream: Upstream, patienceMs = options.patienceMs): Promise<boolean> {
    abilities ??= { streamCloseDelay: await admin.knows('stream_close_delay 5m') };
    const can = abilities;
    return await applyRoutes(admin, app, (http) => wantedRoutes(options, upstream, can, http), patienceMs);
  }

  /** Links that Caddy may not follow would make an app that is live answer 503. */
  async function requireReachable(): Promise<void> {
    const uid = await admin.user();
    const why = uid === null ? '' : await whyUnreachable('Caddy', { uid, gids: null }, layout);
    if (why) throw new RouterError('data_unreachable', why);
  }

  /** Answers whether the routes had to be put back. */
  const assertRoutes = (patienceMs?: number): Promise<boolean> => serially(async () => await apply(await live.upstream(), patienceMs));

  async function keepWatch({ signal }: AbortController): Promise<void> {
    let problem = '';
    let trouble = { since: 0, told: false };
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; ) {
      const found = await lookAndHold(signal).catch((error: Error) => error);
      if (signal.aborted) break;
      if (!(found instanceof Error)) {
        if (trouble.told) options.onTrouble?.(false);
        if (problem) log('Caddy serves the app again');
        else if (found.changed) log("Caddy's configuration was changed by others and had lost the app's routes; they are back");
        [problem, pauseMs] = ['', FIRST_PAUSE_MS];
        trouble.told = false;
        await found.closed;
        continue;
      }
      if (found.message !== problem) log(found.message);
      if (problem === '') trouble = { since: Date.now(), told: false };
      else if (!trouble.told && Date.now() - trouble.since > TROUBLE_AFTER_MS) {
        trouble.told = true;
        options.onTrouble?.(true);
      }
      problem = found.message;
      // The one that comes may be another version.
      abilities = undefined;
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Holds before it looks, so that no change falls between the two. */
  async function lookAndHold(signal: AbortSignal): Promise<{ changed: boolean; closed: Promise<void> }> {
    const held = await admin.hold();
    signal.addEventListener('abort', held.release, { once: true });
    const closed = held.closed.then(() => signal.removeEventListener('abort', held.release));
    try {
      return { changed: await assertRoutes(), closed };
    } catch (error) {
      held.release();
      throw error;
    }
  }

  function serially<T>(job: () => Promise<T>): Promise<T> {
    const result = last.then(job);
    last = result.catch(() => undefined);
    return result;
  }

  function stopWatch(): void {
    watch?.abort();
    watch = null;
  }

  return {
    async register() {
      if (options.upstream === 'socket') await requireReachable();
      await assertRoutes().catch(asRouterError);
      if (watch) return;
      watch = new AbortController();
      void keepWatch(watch);
    },
    switchTo: (target) =>
      serially(() => live.switchTo(target, (upstream) => apply(upstream))).catch((error: Error): Result<void> => {
        if (!isExpected(error)) throw error;
        const to = target ? `instance ${target.instance}` : 'nothing';
        return fail({ code: 'promote_failed', error: `Caddy did not switch app "${nameOf(app)}" to ${to}: ${error.message}` });
      }),
    async preview(shown) {
      if (!shown || toldOfPreviews) return;
      toldOfPreviews = true;
      log('A deploy cannot be looked at before its approval behind Caddy: that takes the embedded proxy.');
    },
    async current() {
      await assertRoutes(ASKED_PATIENCE_MS).catch(asRouterError);
      return await live.current();
    },
    async drain(instance, limits) {
      return await untilIdle(await live.traffic(instance), async () => (await live.current()) === instance, limits);
    },
    async deregister() {
      if (!watch) return;
      stopWatch();
      await serially(async () => {
        await applyRoutes(admin, app, () => []);
        await live.forget();
      }).catch((error: Error) => {
        if (!isExpected(error)) throw error;
        log(`the routes could not be taken out of Caddy: ${error.message}`);
      });
    },
    close: stopWatch,
  };
}

function asRouterError(error: Error): never {
  if (!(error instanceof CaddyUnreachable)) throw error;
  const advice = 'Start Caddy, or name its admin address as "admin" in "router" of the contract.';
  throw new RouterError('proxy_unreachable', `${error.message}. ${advice}`, { cause: error });
}

/** What Caddy or the operating system refuses is no bug. */
function isExpected(error: Error): boolean {
  return error instanceof RouterError || error instanceof CaddyUnreachable || 'syscall' in error;
}

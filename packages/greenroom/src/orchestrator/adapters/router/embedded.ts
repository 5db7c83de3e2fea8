import { setTimeout as delay } from 'node:timers/promises';
import {
  PROXY_SECONDS,
  type ProxyAppBody,
  type ProxyAppStats,
  type ProxyChat,
  type ProxyDrainBody,
  type ProxyDrainResult,
  type ProxyHistogram,
  type ProxyPreview,
  type ProxyRoute,
  type ProxyStats,
  type ProxyStatus,
  type ProxyTarget,
} from '@greenroom/sdk/proxy';
import { portOf, type Route, redirectPort } from '../../core/contract-router.ts';
import type { Histogram } from '../../core/measures.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { DrainReport, Log, Router, RouteTarget, TrafficReport } from '../../ports.ts';
import { endHungProxy } from './hung-proxy.ts';
import { callProxy, ProxyUnreachable, watchProxy } from './proxy-client.ts';
import { proxyAnswers, startProxy } from './proxy-process.ts';
import { RouterError } from './router-error.ts';

/** How long a call is repeated while the proxy is being started again. */
const CALL_DEADLINE_MS = 10_000;
const RETRY_INTERVAL_MS = 25;
/** A call takes the proxy milliseconds; one that answers none for this long, twice, serves no visitor either. */
const ANSWER_LIMIT_MS = 5_000;
/** A scrape waits no longer for the proxy's counters. */
const STATS_LIMIT_MS = 1_000;
/** Node's timers overflow to 1 ms above this. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const NOTHING_DRAINED: DrainReport = { drained: false, closedStreams: 0, abandonedRequests: 0 };

export interface EmbeddedRouterOptions {
  /** Folder of the machine's one proxy. */
  proxyDir: string;
  app: string;
  port: number;
  internalPort?: number;
  /** Leads past the app to the chat service; absent for an app without a chat. */
  chat?: ProxyChat;
  /** Where else the app is served; then `port` is for this machine only. */
  routes?: readonly Route[];
  /** IP addresses and networks whose word counts for who the visitor is. */
  trustedProxies?: readonly string[];
  /** How long the proxy may take over one call before it counts as hung, in milliseconds. */
  answerLimitMs?: number;
  log: Log;
}

/**
 * The `Router` over the embedded proxy, a process that all orchestrators of the machine share. While registered, the end of the proxy is
 * noticed at once and it is started again; it restores its routes from disk, and this adapter asserts its own on top. A proxy that hangs is ended
 * first, which is noticed at the next call.
 */
export function createEmbeddedRouter(options: EmbeddedRouterOptions): Router {
  const { proxyDir, app, log, answerLimitMs = ANSWER_LIMIT_MS } = options;
  const path = `/apps/${encodeURIComponent(app)}`;
  const body = bodyOf(options);
  let stopWatching: (() => void) | null = null;
  /** Set while registered. */
  let registered = false;
  /** Aborted when nothing is wanted of the proxy any more: a start of it that is under way is given up. */
  let leaving = new AbortController();
  /** The last route that the proxy confirmed; undefined until this process has set one. */
  let confirmed: ProxyTarget | null | undefined;
  let shown: ProxyPreview | null = null;
  let lastSwitch: Promise<unknown> = Promise.resolve();
  let reviving: Promise<void> | null = null;

  /** Connects to the proxy, starting it when there is none, and registers; gives up in silence when it is left meanwhile. Throws `RouterError`. */
  async function connect({ signal }: AbortController): Promise<void> {
    // A proxy that hangs has to be told from a slow one, and ended, before the next can be there.
    const deadline = Date.now() + 2 * answerLimitMs + CALL_DEADLINE_MS;
    for (;;) {
      await startProxy(proxyDir, deadline, signal).catch((error: Error) => {
        throw new RouterError('proxy_not_started', error.message, { cause: error });
      });
      let gone = false;
      const stop = await watchProxy(proxyDir, () => {
        gone = true;
        if (stopWatching === stop) onProxyGone();
      }).catch(() => null);
      const answer = stop && !signal.aborted ? await attempt<unknown>('PUT', path, body) : null;
      if (signal.aborted) {
        stop?.();
        return;
      }
      if (answer?.ok && !gone) {
        stopWatching?.();
        stopWatching = stop;
        return;
      }
      stop?.();
      // Unreachable, or just ending because its last app left: the next one is started as soon as it is gone.
      if (answer && !answer.ok && answer.code !== UNREACHABLE && answer.code !== 'shutting_down')
        throw new RouterError(answer.code, answer.error);
      if (Date.now() > deadline)
        throw new RouterError('proxy_not_started', `the proxy in ${proxyDir} does not answer; its log is proxy.log there`);
      await sleep(RETRY_INTERVAL_MS);
    }
  }

  function onProxyGone(): void {
    stopWatching = null;
    if (!registered) return;
    void proxyAnswers(proxyDir).then((replaced) => {
      if (!registered) return;
      if (replaced) log('another proxy has taken over');
      else log('the proxy ended unexpectedly; starting it again', { level: 'warn' });
      void revive(!replaced);
    });
  }

  /** Starts the proxy again after its end, however often it takes. */
  function revive(ended = true): Promise<void> {
    reviving ??= (async () => {
      for (let pauseMs = RETRY_INTERVAL_MS; registered; pauseMs = Math.min(pauseMs * 2, CALL_DEADLINE_MS)) {
        const failure = await connect(leaving).then(
          () => null,
          (error: Error) => error,
        );
        if (!failure) {
          if (!registered) return;
          await assertRoute();
          if (ended) log('the proxy runs again');
          return;
        }
        log(`the proxy could not be started again: ${failure.message}`, { level: 'error' });
        await sleep(pauseMs, leaving.signal);
      }
    })().finally(() => {
      reviving = null;
    });
    return reviving;
  }

  /** Sets the confirmed route, and what is shown, again if the restarted proxy has another: its saved routes may have been damaged. */
  function assertRoute(): Promise<unknown> {
    return serially(async () => {
      if (confirmed === undefined && !shown) return;
      const status = await attempt<ProxyStatus>('GET', '/');
      if (!status.ok) return;
      const found = status.value.apps.find((each) => each.app === app);
      const routed = JSON.stringify(found?.target ?? null) === JSON.stringify(confirmed);
      if (confirmed !== undefined && !routed) await attempt('PUT', `${path}/target`, confirmed);
      if (found?.preview !== shown?.target.instance) await attempt('PUT', `${path}/preview`, shown);
    });
  }

  function serially<T>(job: () => Promise<T>): Promise<T> {
    const result = lastSwitch.then(job);
    lastSwitch = result.catch(() => undefined);
    return result;
  }

  /** One call. `UNREACHABLE` when the proxy is not there, or hung and was ended. */
  async function attempt<T>(method: string, url: string, json?: unknown, wait: Wait = {}): Promise<Outcome<T>> {
    const limit = AbortSignal.timeout(Math.min(answerLimitMs + (wait.ms ?? 0), MAX_TIMER_MS));
    try {
      const signal = wait.signal ? AbortSignal.any([wait.signal, limit]) : limit;
      const { status, body: answer } = await callProxy(proxyDir, method, url, json, signal);
      if (status < 300) return { ok: true, value: answer as T };
      const { code, error } = answer as { code?: string; error?: string };
      return { ok: false, code: code ?? 'internal_error', error: error ?? `the proxy answered ${status}` };
    } catch (error) {
      if (!(error instanceof ProxyUnreachable)) throw error;
      if (limit.aborted && !wait.signal?.aborted) {
        const ended = await endHungProxy(proxyDir, answerLimitMs);
        if (ended.length > 0) log(`the proxy (pid ${ended.join(', ')}) answered nothing any more and was ended`, { level: 'warn' });
      }
      return { ok: false, code: UNREACHABLE, error: error.message };
    }
  }

  /** A call that is repeated while the proxy is away; every call of the interface may be. */
  async function call<T>(method: string, url: string, json?: unknown, wait: Wait = {}): Promise<Outcome<T>> {
    let deadline = Number.POSITIVE_INFINITY;
    for (;;) {
      const outcome = await attempt<T>(method, url, json, wait);
      const away = !outcome.ok && (outcome.code === UNREACHABLE || outcome.code === 'unknown_app' || outcome.code === 'shutting_down');
      if (!away || !registered || wait.signal?.aborted || Date.now() > deadline) return outcome;
      // Counted from when it was found away: until then it may have been hung for longer.
      deadline = Math.min(deadline, Date.now() + CALL_DEADLINE_MS);
      await sleep(RETRY_INTERVAL_MS);
    }
  }

  function leave(): void {
    registered = false;
    leaving.abort();
    stopWatching?.();
    stopWatching = null;
  }

  return {
    async register() {
      leaving = new AbortController();
      await connect(leaving);
      registered = !leaving.signal.aborted;
      // Gone between the registration and now: the watch found nobody registered.
      if (!stopWatching) void revive();
    },
    switchTo: (target) =>
      serially(async (): Promise<Result<void>> => {
        const wanted = toProxyTarget(target);
        const outcome = await call<unknown>('PUT', `${path}/target`, wanted);
        if (outcome.ok) {
          confirmed = wanted;
          return ok(undefined);
        }
        return fail({
          code: 'promote_failed',
          error: `the proxy did not switch app "${app}" to ${target ? `instance ${target.instance}` : 'nothing'}: ${outcome.error}`,
          evidence: { log_file: `${proxyDir}/proxy.log` },
        });
      }),
    preview: (wanted) =>
      serially(async () => {
        const target = wanted && toProxyTarget(wanted.target);
        shown = wanted && target ? { token: wanted.token, target } : null;
        const outcome = await call<unknown>('PUT', `${path}/preview`, shown);
        if (!outcome.ok) log(`the preview could not be ${shown ? 'opened' : 'closed'}: ${outcome.error}`);
      }).catch((error: Error) => log(`the preview could not be changed: ${error.message}`)),
    async current() {
      const outcome = await call<ProxyStatus>('GET', '/');
      if (!outcome.ok) throw new RouterError(outcome.code, outcome.error);
      return outcome.value.apps.find((each) => each.app === app)?.target?.instance ?? null;
    },
    async traffic() {
      try {
        const { status, body: answer } = await callProxy(proxyDir, 'GET', '/stats', undefined, AbortSignal.timeout(STATS_LIMIT_MS));
        const found = status === 200 && (answer as ProxyStats).apps.find((each) => each.app === app);
        return found ? toReport(found) : null;
      } catch (error) {
        // What is wrong with the proxy is noticed elsewhere, by whoever needs it.
        if (error instanceof ProxyUnreachable) return null;
        throw error;
      }
    },
    async drain(instance, { timeoutMs, streamTimeoutMs, signal }) {
      if (signal.aborted) return NOTHING_DRAINED;
      const limits: ProxyDrainBody = { instance, timeout_ms: timeoutMs, stream_timeout_ms: streamTimeoutMs };
      // Repeated when the proxy dies meanwhile: what was in flight died with it, so the new one has nothing to wait for.
      const outcome = await call<ProxyDrainResult>('POST', `${path}/drain`, limits, { signal, ms: timeoutMs + streamTimeoutMs });
      if (!outcome.ok) {
        if (!signal.aborted) log(`instance ${instance} could not be drained: ${outcome.error}`, { level: 'warn', instance });
        return NOTHING_DRAINED;
      }
      const { drained, closed_streams, abandoned_requests } = outcome.value;
      return { drained, closedStreams: closed_streams, abandonedRequests: abandoned_requests };
    },
    async deregister() {
      if (!registered) return;
      const outcome = await call('DELETE', path);
      leave();
      if (reviving) {
        await reviving;
        // Its registration may have come behind.
        await attempt('DELETE', path);
      }
      if (!outcome.ok && outcome.code !== 'unknown_app') log(`the ports could not be given back: ${outcome.error}`);
    },
    close: leave,
  };
}

function bodyOf({ port, internalPort, chat, routes = [], trustedProxies = [] }: EmbeddedRouterOptions): ProxyAppBody {
  const served = routes.map((route): ProxyRoute => {
    const { host, path, tls } = route;
    const redirect = redirectPort(route, routes);
    return {
      port: portOf(route),
      ...(host === undefined ? {} : { host }),
      ...(path === undefined ? {} : { path }),
      ...(tls ? { tls } : {}),
      ...(redirect === undefined ? {} : { redirect }),
    };
  });
  return {
    port,
    ...(internalPort ? { internal_port: internalPort } : {}),
    ...(chat ? { chat } : {}),
    ...(served.length > 0 ? { port_host: '127.0.0.1', routes: served } : {}),
    ...(trustedProxies.length > 0 ? { trusted_proxies: [...trustedProxies] } : {}),
  };
}

const UNREACHABLE = 'proxy_unreachable';

/** What ends a call early, and how long it takes beside the proxy's own work. */
interface Wait {
  signal?: AbortSignal;
  ms?: number;
}

type Outcome<T> = { ok: true; value: T } | { ok: false; code: string; error: string };

function toReport({ instances, failures }: ProxyAppStats): TrafficReport {
  const histogram = (it: ProxyHistogram): Histogram => ({ bounds: PROXY_SECONDS, ...it });
  return {
    instances: instances.map(({ first_byte, duration, ...it }) => ({
      ...it,
      firstByte: histogram(first_byte),
      duration: histogram(duration),
    })),
    failures,
  };
}

function toProxyTarget(target: RouteTarget | null): ProxyTarget | null {
  if (!target) return null;
  const { instance, host, port, internalPort } = target;
  return internalPort > 0 ? { instance, host, port, internal_port: internalPort } : { instance, host, port };
}

/** Ends early when the signal aborts. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return delay(ms, undefined, { ...(signal ? { signal } : {}) }).catch(() => undefined);
}

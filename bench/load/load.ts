import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClientSetting } from './client.ts';
import { requestClient } from './requests.ts';
import { eventStreamClient, webSocketClient } from './streams.ts';
import { createTally, LOAD_KINDS, type LoadKind, type LoadReport } from './tally.ts';

export const DEFAULT_PAUSE_MS = 5;
export const DEFAULT_TIMEOUT_MS = 15_000;
export const DEFAULT_PATHS: Record<LoadKind, string> = {
  get: '/',
  'get-new': '/',
  post: '/echo',
  'post-new': '/echo',
  slow: '/slow',
  sse: '/events',
  ws: '/ws',
};
export interface LoadOptions {
  /** `http://host:port`, without a path; with several, each has all of `mix`, and failures name theirs. */
  url: string | readonly string[];
  /** Clients of each kind; a kind left out has none. */
  mix: Partial<Record<LoadKind, number>>;
  /** Factor for all of `mix`; 1 when left out. */
  concurrency?: number;
  paths?: Partial<Record<LoadKind, string>>;
  /** Between two requests or messages of one client. */
  pause_ms?: number;
  /** An answer, or a message of a stream, that takes longer than this has failed. */
  timeout_ms?: number;
}

export interface Load {
  snapshot(): LoadReport;
  /** From now on answers must come from this commit; empty while a swap is under way. */
  expect(commit: string): void;
  /** Lets requests under way finish and ends the streams. Repeatable. */
  stop(): Promise<LoadReport>;
}

/** After a failure a client waits this long, so that a dead server is not asked in a busy loop. */
const PAUSE_AFTER_FAILURE_MS = 20;

/**
 * Visitors who never try twice: whatever goes wrong with a request, a stream or a message is counted as a failure.
 * (Most load tools repeat a reset GET silently, and so hide exactly what a swap may lose.)
 */
export function startLoad(options: LoadOptions): Load {
  const kinds = LOAD_KINDS.filter((kind) => (options.mix[kind] ?? 0) > 0);
  if (kinds.length === 0) throw new Error('startLoad: the mix names no client');
  const tally = createTally(kinds);
  const stopping = new AbortController();
  const stall = monitorEventLoopDelay({ resolution: 5 });
  stall.enable();

  const urls = [options.url].flat();
  const pairs = urls.flatMap((url) => kinds.map((kind) => ({ url, kind })));
  const clients = pairs.flatMap(({ url, kind }) => {
    const setting: ClientSetting = {
      kind,
      url: new URL(options.paths?.[kind] ?? DEFAULT_PATHS[kind], url),
      tally: urls.length === 1 ? tally : { ...tally, failed: (of, error) => tally.failed(of, `${url}: ${error}`) },
      pauseMs: options.pause_ms ?? DEFAULT_PAUSE_MS,
      timeoutMs: options.timeout_ms ?? DEFAULT_TIMEOUT_MS,
      stopping: stopping.signal,
    };
    const count = Math.max(1, Math.round((options.mix[kind] ?? 0) * (options.concurrency ?? 1)));
    return Array.from({ length: count }, () => keepGoing(setting, clientOf(setting)));
  });

  const report = (): LoadReport => tally.report(stall.max / 1e6);
  return {
    snapshot: report,
    expect: tally.expect,
    async stop() {
      tally.stopping();
      stopping.abort();
      await Promise.all(clients);
      stall.disable();
      return report();
    },
  };
}

function clientOf(setting: ClientSetting): Client {
  if (setting.kind === 'sse') return eventStreamClient(setting);
  if (setting.kind === 'ws') return webSocketClient(setting);
  return requestClient(setting);
}

async function keepGoing({ kind, tally, pauseMs, stopping }: ClientSetting, client: Client): Promise<void> {
  while (!stopping.aborted) {
    try {
      await client.once();
      await delay(pauseMs);
    } catch (error) {
      tally.failed(kind, describe(error));
      await delay(PAUSE_AFTER_FAILURE_MS);
    }
  }
  client.close();
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code} ` : '';
  return `${code}${error.message}`.trim();
}

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { watchConnections } from './connections.ts';
import { type Internal, openInternal } from './internal.ts';
import { portOf } from './internal-address.ts';
import { CLOSE_LIMIT_MS, DEFAULT_STOP_TIMEOUT_MS, reporterOf, type ServeOptions } from './options.ts';
import { within } from './within.ts';

const DEFAULT_PORT = 3_000;

/** What a framework gives: its server, and how that begins and ends. */
export interface Target {
  server: Server;
  /** Gets the framework ready for its first request. */
  prepare?(): unknown;
  /** Listens; `server.listen` without. Resolves when it does. */
  listen?(port: number, host: string): unknown;
  /** Ends the framework itself, after the last request and before the app's `close`. */
  close?(): unknown;
}

export interface Running {
  server: Server;
  /** Where the public server listens; null when that is no TCP port. */
  port: number | null;
  /** What SIGTERM does, but without ending the process. Resolves to whether all went well in time. */
  stop(): Promise<boolean>;
}

/**
 * Runs an app: internal listener (health says `starting`), `init`, public server, health says `ok`. SIGTERM or SIGINT: requests in flight finish,
 * `close`, exit status 0, or 1 when a hook failed. Rejects when the app cannot start; nothing listens then.
 */
export async function serve(target: Target, options: ServeOptions): Promise<Running> {
  const { env = process.env, host = '127.0.0.1' } = options;
  const port = env['PORT'] ? portOf('PORT', env['PORT']) : (options.port ?? DEFAULT_PORT);
  const connections = watchConnections(target.server);
  const report = reporterOf(options);
  const internal = await openInternal(options);
  let stopping: Promise<boolean> | null = null;

  const start = async (): Promise<void> => {
    await options.init?.();
    await target.prepare?.();
    if (stopping) return;
    if (target.listen) await target.listen(port, host);
    else {
      target.server.listen(port, host);
      await once(target.server, 'listening');
    }
    if (!stopping) internal.phase = 'ok';
  };
  const started = start();

  const stop = (): Promise<boolean> => (stopping ??= end());
  const end = async (): Promise<boolean> => {
    internal.phase = 'stopping';
    const limitMs = options.stopTimeoutMs ?? DEFAULT_STOP_TIMEOUT_MS;
    let good = true;
    const attempt = async (what: string, ms: number, work: () => unknown): Promise<void> => {
      try {
        await within(ms, (async () => void (await work()))());
      } catch (error) {
        good = false;
        report(new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error }));
      }
    };
    // A server that is about to listen can only be closed afterwards; why a start failed is told to whoever started it.
    const drained = started.catch(() => undefined).then(() => connections.drain());
    await Promise.all([
      attempt('onStop failed', limitMs, () => options.onStop?.()),
      attempt('The migration that is being applied has not ended', limitMs, () => internal.settle()),
      // Ends by the same limit, but what it cuts is no failure of a hook.
      within(limitMs, drained).catch(() => {
        const cut = connections.cut();
        report(new Error(`Stopped after ${limitMs} ms with ${cut} requests in flight, and closed their connections.`));
      }),
    ]);
    await attempt('close failed', CLOSE_LIMIT_MS, async () => {
      await target.close?.();
      await options.close?.();
    });
    internal.close();
    listenForSignals('off');
    return good;
  };

  const onSignal = (): void => void stop().then((good) => process.exit(good ? 0 : 1));
  // Heard as often as it comes: whoever ends a group of processes and is in it passes the signal on as well.
  const listenForSignals = (on: 'on' | 'off'): void => {
    for (const signal of ['SIGTERM', 'SIGINT']) process[on](signal, onSignal);
  };
  listenForSignals('on');
  try {
    await started;
  } catch (error) {
    listenForSignals('off');
    closeFailed(target.server, internal);
    throw error;
  }
  return { server: target.server, port: (target.server.address() as AddressInfo | null)?.port ?? null, stop };
}

function closeFailed(server: Server, internal: Internal): void {
  server.close();
  internal.close();
}

import { type Internal, openInternal } from './internal.ts';
import { type InternalOptions, reporterOf } from './options.ts';

/**
 * The internal listener alone, for an app whose public server is started and stopped by something else, such as `next start`. Resolves when `init`
 * has; health says `ok` from then on, and `stopping` from SIGTERM. Keeps no process alive, and ends none that ends itself.
 */
export async function serveInternal(options: InternalOptions): Promise<{ close(): void }> {
  const internal: Internal = await openInternal(options);
  internal.server.unref();
  const report = reporterOf(options);
  const onSignal = (): void => {
    internal.phase = 'stopping';
    const told = (async () => options.onStop?.())().catch(report);
    // This listener kept the signal from ending the process; when nobody else ends it, the signal does now.
    void told.then(() => process.listenerCount('SIGTERM') === 0 && process.kill(process.pid, 'SIGTERM'));
  };
  process.once('SIGTERM', onSignal);
  const close = (): void => {
    process.off('SIGTERM', onSignal);
    internal.close();
  };
  try {
    await options.init?.();
  } catch (error) {
    close();
    throw error;
  }
  internal.phase = 'ok';
  return { close };
}

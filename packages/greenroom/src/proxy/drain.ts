import type { ProxyDrainResult } from '@greenroom/sdk/proxy';
import type { InstanceTraffic } from './instance.ts';

export interface DrainOptions {
  timeoutMs: number;
  streamTimeoutMs: number;
  /** Whether the instance is routed to; a drain of it makes no sense then and ends. */
  isTarget: () => boolean;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
}

/**
 * Waits until nothing of the instance is in flight. At the stream limit streams are asked to close, and those that begin later are too;
 * at the request limit the requests still in flight are counted and left alone: whoever stops the instance cuts them.
 */
export function drain(traffic: InstanceTraffic, options: DrainOptions): Promise<ProxyDrainResult> {
  const before = traffic.closed();
  return new Promise((resolve) => {
    let requestsGivenUp = false;
    let closingStreams = false;
    const requestTimer = setTimeout(() => {
      requestsGivenUp = true;
      look();
    }, options.timeoutMs);
    const streamTimer = setTimeout(() => {
      closingStreams = true;
      look();
    }, options.streamTimeoutMs);
    const unsubscribe = traffic.onChange(() => look());
    const onAbort = (): void => finish(false);
    options.signal.addEventListener('abort', onAbort, { once: true });
    if (options.signal.aborted) finish(false);
    else look();

    function look(): void {
      if (options.isTarget()) {
        finish(false);
        return;
      }
      if (closingStreams) traffic.closeStreams();
      const requestsDone = traffic.requests() === 0 || requestsGivenUp;
      if (requestsDone && traffic.streams() === 0) finish(traffic.requests() === 0);
    }

    function finish(drained: boolean): void {
      clearTimeout(requestTimer);
      clearTimeout(streamTimer);
      unsubscribe();
      options.signal.removeEventListener('abort', onAbort);
      const { clean, cut } = traffic.closed();
      resolve({
        drained: drained && cut === before.cut,
        closed_streams: clean - before.clean,
        abandoned_requests: requestsGivenUp ? traffic.requests() : 0,
      });
    }
  });
}

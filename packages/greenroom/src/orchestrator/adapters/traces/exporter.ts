import { hostname } from 'node:os';
import type { Clock, Log } from '../../ports.ts';
import { post } from '../alerts/http.ts';
import { exportRequest } from './otlp.ts';
import type { TraceSettings } from './settings.ts';
import type { Span } from './spans.ts';

/** Spans that wait; a deploy has ten. More are dropped: a collector that is down must cost nothing. */
export const MOST_WAITING_SPANS = 1_000;
const MOST_IN_REQUEST = 200;

export interface ExporterTiming {
  /** Spans are gathered for so long, to be sent together. */
  gatherMs: number;
  firstRetryMs: number;
  /** Then a request is given up, with its spans. */
  tries: number;
  /** For what is left at the end. */
  closeMs: number;
}

export const DEFAULT_EXPORTER_TIMING: ExporterTiming = { gatherMs: 1_000, firstRetryMs: 1_000, tries: 5, closeMs: 1_000 };

export interface ExporterOptions {
  settings: TraceSettings;
  version: string;
  clock: Clock;
  log: Log;
  timing?: Partial<ExporterTiming>;
}

/** Sends spans by OTLP/HTTP, in JSON. Nobody waits for it, and what cannot be delivered is dropped. */
export interface Exporter {
  add(spans: readonly Span[]): void;
  /** Sends what is left, if that goes quickly. */
  close(): Promise<void>;
}

export function createExporter({ settings, version, clock, log, timing = {} }: ExporterOptions): Exporter {
  const { gatherMs, firstRetryMs, tries, closeMs } = { ...DEFAULT_EXPORTER_TIMING, ...timing };
  const resource = { 'service.name': 'greenroom', 'service.version': version, 'host.name': hostname(), ...settings.resource };
  const breakOff = new AbortController();
  const waiting: Span[] = [];
  /** Said once, until spans arrive again. */
  let complained = false;
  let closing = false;
  let cancelTimer: (() => void) | null = null;
  let sending: Promise<void> | null = null;

  function add(spans: readonly Span[]): void {
    const room = MOST_WAITING_SPANS - waiting.length;
    if (spans.length > room) complain(`${MOST_WAITING_SPANS} spans are waiting already`);
    waiting.push(...spans.slice(0, room));
    if (waiting.length > 0 && !sending && !cancelTimer) cancelTimer = clock.after(gatherMs, send);
  }

  function send(): void {
    cancelTimer?.();
    cancelTimer = null;
    sending ??= sendAll().finally(() => {
      sending = null;
      if (waiting.length > 0 && !closing) add([]);
    });
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0 && !breakOff.signal.aborted) {
      const problem = await deliver(exportRequest(waiting.splice(0, MOST_IN_REQUEST), resource, version));
      if (problem) complain(problem);
      else if (complained) {
        complained = false;
        log(`Traces reach ${settings.endpoint.host} again.`);
      }
    }
  }

  /** Empty, or why it was given up. */
  async function deliver(body: object): Promise<string> {
    const { endpoint: url, timeoutMs } = settings;
    const headers = { 'user-agent': `greenroom/${version}`, ...settings.headers };
    for (let attempt = 1; ; attempt++) {
      const delivery = await post({ url, body, headers, timeoutMs, signal: breakOff.signal });
      if (delivery.ok) return '';
      if (delivery.retry !== 'soon' || attempt >= tries || closing) return delivery.error;
      await pause(Math.max(delivery.waitMs, firstRetryMs * 2 ** (attempt - 1)));
    }
  }

  function pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(Math.min(ms, 60_000), resolve);
    breakOff.signal.addEventListener('abort', () => resolve(), { once: true });
    return promise.finally(cancel);
  }

  function complain(problem: string): void {
    if (!complained && !breakOff.signal.aborted) {
      log(`Traces cannot be delivered to ${settings.endpoint.host} (${problem}); they are dropped until that is over.`, { level: 'warn' });
    }
    complained = true;
  }

  return {
    add,
    async close() {
      closing = true;
      const cancel = clock.after(closeMs, () => breakOff.abort());
      if (waiting.length > 0) send();
      await sending;
      cancelTimer?.();
      cancel();
    },
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { EventMessage } from '../wire.ts';
import {
  type Address,
  connectionError,
  describeAddress,
  GreenroomAnswerError,
  GreenroomUnreachable,
  isUnreachable,
  open,
} from './request.ts';
import { parseEventStream } from './sse.ts';

/** Pauses between attempts to reconnect grow from the first to the last of these, in milliseconds. */
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;

export interface EventsOptions {
  /** Sequence number of the last event already seen: everything after it is sent again first. */
  lastEventId?: number | string;
  signal?: AbortSignal;
  /** How long a lost connection is tried again before `GreenroomUnreachable` is thrown; for ever by default. The first connection is not tried again. */
  giveUpAfterMs?: number;
  /** Called each time the stream is open; true for the first time. */
  onConnect?: (first: boolean) => void;
  /** Called once each time the stream is lost. */
  onDisconnect?: () => void;
}

/**
 * Server-sent events of `GET /events`, across restarts of the orchestrator: a lost stream is opened again with `Last-Event-ID`, so that
 * nothing is missed. Ends when `signal` is aborted.
 */
export async function* openEvents(address: Address, options: EventsOptions): AsyncGenerator<EventMessage, void, undefined> {
  let lastId = options.lastEventId === undefined ? '' : String(options.lastEventId);
  let first = true;
  let awaySince = 0;
  let pauseMs = FIRST_RETRY_MS;
  while (!options.signal?.aborted) {
    try {
      const response = await open(address, {
        method: 'GET',
        path: '/events',
        headers: { accept: 'text/event-stream', ...(lastId ? { 'last-event-id': lastId } : {}) },
        ...(options.signal ? { signal: options.signal } : {}),
      });
      if (response.statusCode !== 200) {
        response.destroy();
        throw new GreenroomAnswerError(describeAddress(address), 'GET /events', { status: response.statusCode ?? 0, body: '' });
      }
      options.onConnect?.(first);
      first = false;
      awaySince = 0;
      pauseMs = FIRST_RETRY_MS;
      for await (const event of parseEventStream(response)) {
        if (event.id) lastId = event.id;
        yield JSON.parse(event.data) as EventMessage;
      }
      throw new GreenroomUnreachable(describeAddress(address), 'ECONNRESET');
    } catch (cause) {
      if (options.signal?.aborted) return;
      const error = connectionError(address, cause);
      if (first || !isUnreachable(error)) throw error;
      if (awaySince === 0) {
        awaySince = Date.now();
        options.onDisconnect?.();
      }
      if (Date.now() - awaySince >= (options.giveUpAfterMs ?? Number.POSITIVE_INFINITY)) throw error;
    }
    await pause(pauseMs, options.signal);
    pauseMs = Math.min(pauseMs * 2, LAST_RETRY_MS);
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

import { join } from 'node:path';
import type { Clock } from '../../ports.ts';
import { type Delivery as JobDelivery, openOutbox } from '../outbox.ts';
import type { Message } from './message.ts';
import type { Delivery } from './outcome.ts';
import type { Target } from './targets.ts';

export interface CourierTiming {
  firstRetryMs: number;
  longestRetryMs: number;
  /** Between tries at a target that is wrong rather than down. */
  seldomRetryMs: number;
  /** An alert that could not be delivered for so long is no news any more. */
  giveUpAfterMs: number;
  /** Messages that may go to a target at once, and how long it takes until one more may. */
  burst: number;
  refillMs: number;
}

/** Within what Slack (1 a second, short bursts), Discord (30 a minute) and ntfy (60, then 1 in 5 seconds) take. */
export const DEFAULT_COURIER_TIMING: CourierTiming = {
  firstRetryMs: 2_000,
  longestRetryMs: 300_000,
  seldomRetryMs: 600_000,
  giveUpAfterMs: 24 * 3_600_000,
  burst: 5,
  refillMs: 5_000,
};

/** More waiting alerts than anybody reads. */
const MOST_WAITING = 200;
/** A delivery under way at a stop may end within this time; broken off, it would come twice. */
const CLOSE_GRACE_MS = 1_000;

export interface CourierOptions {
  target: Target;
  /** Of this target alone: one that is slow or down must not hold up the others. */
  folder: string;
  clock: Clock;
  timing: CourierTiming;
  deliver(message: Message, signal: AbortSignal): Promise<Delivery>;
  /** Told of each message that found the queue full. */
  onDropped(): void;
  log(message: string): void;
}

/** Brings messages to one target, in order, from a queue on disk. */
export interface Courier {
  /** On disk when it answers, then delivered whenever the target takes it. Rejects when the disk refuses. */
  enqueue(message: Message): Promise<void>;
  /** Messages that are not delivered yet. */
  waiting(): number;
  /** Ends soon: a delivery under way gets a moment, what was not delivered stays on disk. */
  close(): Promise<void>;
}

export async function openCourier({ target, folder, clock, timing, deliver, onDropped, log }: CourierOptions): Promise<Courier> {
  const stop = new AbortController();
  const breakOff = new AbortController();
  const takeTurn = createPace(clock, timing, stop.signal);
  let failing = false;
  let driving: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;

  const outbox = await openOutbox({
    folder: join(folder, target.id),
    handlers: {
      alert: async (payload, signal): Promise<JobDelivery> => {
        await takeTurn();
        if (signal.aborted) return { outcome: 'retry', error: 'stopped' };
        return judged(await deliver(payload as unknown as Message, breakOff.signal), signal);
      },
    },
    log: (message) => log(`${target.name}: ${message}`),
    now: clock.now,
    maxPending: MOST_WAITING,
    firstRetryMs: timing.firstRetryMs,
    longestRetryMs: timing.longestRetryMs,
    giveUpAfterMs: timing.giveUpAfterMs,
  });
  drive();

  function judged(delivery: Delivery, signal: AbortSignal): JobDelivery {
    if (delivery.ok) {
      if (failing) log(`Alerts reach ${target.name} again.`);
      failing = false;
      return { outcome: 'done' };
    }
    const { error, retry, waitMs } = delivery;
    if (retry === 'never') return { outcome: 'refused', error };
    if (!failing && !signal.aborted) log(`An alert could not be delivered to ${target.name}: ${error}. It is kept and tried again.`);
    failing ||= !signal.aborted;
    return { outcome: 'retry', error, afterMs: retry === 'seldom' ? timing.seldomRetryMs : waitMs };
  }

  /** Delivers until nothing is due, then sleeps until something is. */
  function drive(): void {
    if (driving || stop.signal.aborted) return;
    cancelTimer?.();
    driving = outbox
      .drain(stop.signal)
      .then(() => outbox.pending().next)
      .catch((error: unknown) => {
        log(`The queue of ${target.name} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
        return clock.now() + timing.longestRetryMs;
      })
      .then((next) => {
        driving = undefined;
        if (next !== 0 && !stop.signal.aborted) cancelTimer = clock.after(Math.max(0, next - clock.now()), drive);
      });
  }

  return {
    async enqueue(message) {
      const taken = await outbox.enqueue({ id: message.id, kind: 'alert', key: '', payload: { ...message } });
      if (taken === 'full') {
        onDropped();
        log(`An alert was not sent to ${target.name}: ${MOST_WAITING} are waiting already. (${message.title})`);
      }
      drive();
    },
    waiting: () => outbox.pending().waiting,
    async close() {
      stop.abort();
      cancelTimer?.();
      const cancel = clock.after(CLOSE_GRACE_MS, () => breakOff.abort());
      await driving;
      cancel();
    },
  };
}

/** Answers when the next message may go; at once when the signal is aborted. */
function createPace(clock: Clock, { burst, refillMs }: CourierTiming, signal: AbortSignal): () => Promise<void> {
  let tokens = burst;
  let counted = clock.now();
  return async () => {
    const grown = Math.floor((clock.now() - counted) / refillMs);
    tokens = Math.min(burst, tokens + grown);
    counted = tokens === burst ? clock.now() : counted + grown * refillMs;
    tokens -= 1;
    if (tokens >= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(counted + refillMs * -tokens - clock.now(), resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
    await promise;
    cancel();
  };
}

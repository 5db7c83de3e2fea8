import { type OutboxJob, openOutboxStore } from './outbox-store.ts';

/** Most jobs that wait; a further one is refused. Thousands mean that nobody has looked for days. */
export const DEFAULT_MAX_PENDING = 1_000;
/** How many finished jobs are remembered, so that asking again does nothing. */
export const DEFAULT_KEEP_FINISHED = 500;
export const DEFAULT_FIRST_RETRY_MS = 2_000;
export const DEFAULT_LONGEST_RETRY_MS = 300_000;
/** A job that could not be delivered for so long is given up. */
export const DEFAULT_GIVE_UP_AFTER_MS = 7 * 24 * 3_600_000;
/** A job during which the process died, or its handler broke, this often is poison: it must not stop the others for ever. */
const POISON_STARTS = 8;

/** JSON that a job carries to its handler. */
export type Payload = OutboxJob['payload'];

/** What is wanted. The same `id` is never done twice; jobs of one `key` are done one after the other, in the order in which they were enqueued. */
export interface NewJob {
  id: string;
  kind: string;
  key: string;
  payload: Payload;
}

/** How one try went. `retry` waits at least `afterMs`; `refused` is for good: trying again would not help. */
export type Delivery = { outcome: 'done' } | { outcome: 'retry'; error: string; afterMs?: number } | { outcome: 'refused'; error: string };

/**
 * Does one job. May be called again for a job that it has done (the process died before that was written down), so it looks before it acts.
 * Rejecting is a bug of the handler and counts towards poison.
 */
export type JobHandler = (payload: Payload, signal: AbortSignal) => Promise<Delivery>;

export interface OutboxOptions {
  folder: string;
  handlers: Record<string, JobHandler>;
  log(message: string): void;
  now?(): number;
  /** 0 to below 1, for the jitter. */
  random?(): number;
  maxPending?: number;
  keepFinished?: number;
  firstRetryMs?: number;
  longestRetryMs?: number;
  giveUpAfterMs?: number;
}

export interface OutboxState {
  waiting: number;
  /** Jobs given up that are kept for people to look at. */
  dead: number;
  /** Milliseconds since the epoch; 0 when nothing waits. */
  oldest: number;
  /** When a drain may do something next, milliseconds since the epoch; 0 when nothing waits. */
  next: number;
  /** What the oldest waiting job failed with last; empty when it was not tried. */
  lastError: string;
}

/**
 * Messages to a service off this machine that may be down: on disk before `enqueue` answers, delivered by `drain` at least once and, with handlers
 * that look first, in effect once. Survives kill -9 at any point.
 */
export interface Outbox {
  /** `known` when a job with this id waits or was finished; `full` when too many wait. Rejects when the disk refuses. */
  enqueue(job: NewJob): Promise<'queued' | 'known' | 'full'>;
  /** Delivers what is due, until nothing is or the signal is aborted. Calls at the same time share one pass. Never rejects for a handler. */
  drain(signal: AbortSignal): Promise<{ done: number; retried: number; dead: number }>;
  pending(): OutboxState;
}

export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  const { folder, handlers, log, now = Date.now, random = Math.random, maxPending = DEFAULT_MAX_PENDING } = options;
  const { firstRetryMs = DEFAULT_FIRST_RETRY_MS, longestRetryMs = DEFAULT_LONGEST_RETRY_MS } = options;
  const { giveUpAfterMs = DEFAULT_GIVE_UP_AFTER_MS } = options;
  const store = await openOutboxStore(folder, options.keepFinished ?? DEFAULT_KEEP_FINISHED, log);
  const jobs = [...store.jobs];
  const seen = new Set([...jobs.map((it) => it.id), ...store.finished]);
  let seq = store.lastSeq;
  let enqueued: Promise<unknown> = Promise.resolve();
  let draining: Promise<{ done: number; retried: number; dead: number }> | undefined;

  return {
    enqueue(job) {
      // One after the other: the order of the calls is the order of the numbers, and a job is seen by a drain only when it is on disk.
      const result = enqueued.then(() => add(job));
      enqueued = result.catch(() => undefined);
      return result;
    },
    drain(signal) {
      draining ??= pass(signal).finally(() => {
        draining = undefined;
      });
      return draining;
    },
    pending() {
      const [first] = jobs;
      const next = heads().map((it) => it.not_before);
      return {
        waiting: jobs.length,
        dead: store.dead,
        oldest: first?.created_at ?? 0,
        next: next.length === 0 ? 0 : Math.max(1, Math.min(...next)),
        lastError: first?.last_error ?? '',
      };
    },
  };

  async function add({ id, kind, key, payload }: NewJob): Promise<'queued' | 'known' | 'full'> {
    if (seen.has(id)) return 'known';
    if (jobs.length >= maxPending) return 'full';
    seq += 1;
    const job: OutboxJob = { seq, id, kind, key, payload, attempts: 0, started: 0, not_before: 0, created_at: now(), last_error: '' };
    await store.save(job);
    seen.add(id);
    jobs.push(job);
    return 'queued';
  }

  /** The first waiting job of every key: only they may run. */
  function heads(): OutboxJob[] {
    const keys = new Set<string>();
    return jobs.filter((it) => !keys.has(it.key) && keys.add(it.key));
  }

  async function pass(signal: AbortSignal): Promise<{ done: number; retried: number; dead: number }> {
    const counts = { done: 0, retried: 0, dead: 0 };
    for (;;) {
      const job = signal.aborted ? undefined : heads().find((it) => it.not_before <= now());
      if (!job) return counts;
      counts[await attempt(job, signal)] += 1;
    }
  }

  async function attempt(job: OutboxJob, signal: AbortSignal): Promise<'done' | 'retried' | 'dead'> {
    if (job.started >= POISON_STARTS) return giveUp(job, `it broke off ${job.started} times. ${job.last_error}`.trim());
    job.attempts += 1;
    job.started += 1;
    // Before the handler runs: should it take the process down, the next start knows.
    await store.save(job);
    const delivery = await deliver(job, signal);
    if (delivery.outcome === 'done') {
      await end(job, 'done');
      return 'done';
    }
    if (delivery.outcome === 'refused') return giveUp(job, delivery.error);
    if (now() - job.created_at > giveUpAfterMs) return giveUp(job, `${delivery.error} (for too long)`);
    if (delivery.outcome === 'retry') job.started = 0;
    // A stop in the middle is not the job's fault: it is due again at once.
    if (signal.aborted) Object.assign(job, { started: 0, attempts: job.attempts - 1 });
    else job.not_before = now() + Math.max(delivery.afterMs ?? 0, backOff(job.attempts));
    job.last_error = delivery.error;
    await store.save(job);
    return 'retried';
  }

  async function deliver(
    job: OutboxJob,
    signal: AbortSignal,
  ): Promise<Delivery | { outcome: 'broken'; error: string; afterMs?: undefined }> {
    const handler = Object.hasOwn(handlers, job.kind) ? handlers[job.kind] : undefined;
    if (!handler) return { outcome: 'refused', error: `nothing here delivers "${job.kind}"` };
    try {
      return await handler(job.payload, signal);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { outcome: 'broken', error: `the delivery broke: ${text}` };
    }
  }

  async function giveUp(job: OutboxJob, error: string): Promise<'dead'> {
    job.last_error = error;
    await store.save(job);
    await end(job, 'dead');
    log(`Gave up on ${job.kind} (${job.id}) after ${job.attempts} attempts: ${error}`);
    return 'dead';
  }

  async function end(job: OutboxJob, how: 'done' | 'dead'): Promise<void> {
    await store.finish(job, how);
    jobs.splice(jobs.indexOf(job), 1);
  }

  /** Doubles, and keeps between half of it and all of it, so that many machines do not come back at the same moment. */
  function backOff(attempts: number): number {
    const full = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempts - 1, 30));
    return full / 2 + (random() * full) / 2;
  }
}

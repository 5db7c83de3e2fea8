import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { extname, join } from 'node:path';
import type { Limits } from '../splice/limits.ts';
import type { OrderName, Orders, Reply } from './messages.ts';

/** How often a worker that owes an answer is looked at. */
export const LOOK_INTERVAL_MS = 500;
/**
 * One that does not even answer a ping is killed after this many looks. They are counted, and not the time, so that a pause of the proxy itself or of the
 * whole machine is not taken for one of the worker. Together with the look that sends the ping it is less than an orchestrator waits for the proxy
 * (5 s): a route change that one worker holds up has to be answered before the whole proxy counts as hung.
 */
const ANSWER_LOOKS = 3_000 / LOOK_INTERVAL_MS;
/** For its first answer, which it gives when it has started. */
const START_LOOKS = 20_000 / LOOK_INTERVAL_MS;

export interface Worker {
  readonly pid: number;
  /** It has confirmed all that it was told before the first connection. */
  ready(): boolean;
  /** Connections that were handed to it and that it has not taken yet. */
  untaken(): number;
  /** Resolves with its answer; null when it ended before it gave one, and then it will do nothing any more. */
  ask<Name extends OrderName>(
    order: Name,
    of: Orders[Name]['of'],
    options?: AskOptions,
  ): Promise<{ answer: Orders[Name]['answer'] } | null>;
  /** Kills it when it does nothing any more. To be called every `LOOK_INTERVAL_MS`. */
  look(): void;
  /** Lets it end by itself; killed when it does not. Resolves when it is gone. */
  end(): Promise<void>;
}

interface AskOptions {
  /** Goes with the order, and stays open here. */
  socket?: Socket;
  /** An abort is passed on; the answer comes all the same. */
  signal?: AbortSignal;
}

interface Pending {
  order: OrderName;
  settle: (result: { answer: unknown } | null) => void;
}

interface WorkerOptions {
  /** Those that are not the defaults. */
  limits: Partial<Limits>;
  onReady: () => void;
  /** It does nothing any more, and nothing of what it said is on its way. */
  onGone: () => void;
  log: (line: string) => void;
}

export function startWorker({ limits, onReady, onGone, log }: WorkerOptions): Worker {
  const child = fork(join(import.meta.dirname, `main${extname(import.meta.filename)}`), [JSON.stringify(limits)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let ready = false;
  let gone = false;
  let ending = false;
  let untaken = 0;
  /** Until an unanswered ping is the last; null when none is on its way. */
  let looksLeft: number | null = null;

  ping(START_LOOKS);

  child.on('message', ({ id, answer }: Reply) => {
    const asked = pending.get(id);
    pending.delete(id);
    asked?.settle({ answer });
    if (ready || pending.size > 0) return;
    ready = true;
    onReady();
  });
  child.once('disconnect', () => child.kill('SIGKILL'));
  child.once('exit', (code, signal) => {
    if (!ending) log(`worker ${child.pid} ended unexpectedly (${signal ?? `code ${code}`}); what it was answering is lost`);
    // What it said last, such as that it took a connection, may still be in the channel: it is read in between. 'disconnect' would come
    // behind it, but never comes while a handle was on its way.
    setImmediate(() => setImmediate(finish));
  });
  child.once('error', (error) => {
    if (child.pid !== undefined) return;
    log(`a worker could not be started: ${error.message}`);
    finish();
  });

  function finish(): void {
    if (gone) return;
    gone = true;
    const unanswered = [...pending.values()];
    pending.clear();
    for (const { settle } of unanswered) settle(null);
    onGone();
  }

  function ask(order: OrderName, of: object, { socket, signal }: AskOptions = {}): Promise<{ answer: unknown } | null> {
    if (gone) return Promise.resolve(null);
    lastId += 1;
    const id = lastId;
    return new Promise((resolve) => {
      const onAbort = (): void => void ask('abort', { drain: id });
      const settle = (result: { answer: unknown } | null): void => {
        signal?.removeEventListener('abort', onAbort);
        if (order === 'take') untaken -= 1;
        resolve(result);
      };
      if (order === 'take') untaken += 1;
      pending.set(id, { order, settle });
      // What cannot be sent is found by the end of the channel.
      child.send({ id, order, ...of }, socket, { keepOpen: true }, () => undefined);
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted) onAbort();
    });
  }

  /**
   * The order of what is said is kept. So a connection that was handed over before a ping, and is not taken when the ping is answered, never arrived: a
   * worker that has no file descriptor left for it hears nothing of it.
   */
  function ping(looks: number): void {
    const handed = [...pending].filter(([, { order }]) => order === 'take');
    looksLeft = looks;
    void ask('ping', {}).then((answered) => {
      looksLeft = null;
      if (!answered) return;
      for (const [id, { settle }] of handed) if (pending.delete(id)) settle({ answer: null });
    });
  }

  return {
    pid: child.pid ?? 0,
    ready: () => ready && !gone,
    untaken: () => untaken,
    ask: ask as Worker['ask'],
    look() {
      if (pending.size === 0 || ending || gone) return;
      if (looksLeft === null) {
        ping(ANSWER_LOOKS);
        return;
      }
      looksLeft -= 1;
      if (looksLeft !== 0) return;
      log(`worker ${child.pid} does not answer any more and is killed`);
      child.kill('SIGKILL');
    },
    async end() {
      ending = true;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const exited = once(child, 'exit');
      const late = setTimeout(() => child.kill('SIGKILL'), ANSWER_LOOKS * LOOK_INTERVAL_MS);
      if (child.connected) child.disconnect();
      await exited;
      clearTimeout(late);
    },
  };
}

import type { Clock, Instance, Prober } from '../ports.ts';

/** Longer than a healthy app takes on a machine that has no processor to spare, shorter than whoever asks for the status waits for it. */
const LOOK_TIMEOUT_MS = 4_000;
/** A look that takes longer goes on by itself: until it has ended, what the look before it found holds. */
const PATIENCE_MS = 1_000;
/** Answers are reused for this long, so that many readers of the status cost one look. */
const FRESH_MS = 250;

export interface LiveHealthOptions {
  /** The instance that is live, if one runs. */
  live(): Instance | undefined;
  prober: Pick<Prober, 'check'>;
  clock: Clock;
}

/**
 * Whether a live instance runs and its health endpoint answers 200. That the answer is late is no word against the app: on a busy machine it is the machine
 * that is slow. Only an answer other than 200, a refused connection, or none within four seconds is.
 */
export function createLiveHealth({ live, prober, clock }: LiveHealthOptions): () => Promise<boolean> {
  let known: { instance: string; holds: boolean; at: number } | null = null;
  let looking: { instance: string; found: Promise<boolean> } | null = null;

  async function look(instance: Instance): Promise<boolean> {
    let holds = false;
    try {
      holds = (await prober.check(instance, LOOK_TIMEOUT_MS)) === '';
      return holds;
    } finally {
      if (looking?.instance === instance.instance) {
        looking = null;
        known = { instance: instance.instance, holds, at: clock.now() };
      }
    }
  }

  return async () => {
    const instance = live();
    if (!instance) return false;
    const id = instance.instance;
    const before = known?.instance === id ? known : null;
    if (before && clock.now() - before.at <= FRESH_MS) return before.holds;
    if (looking?.instance !== id) looking = { instance: id, found: look(instance) };
    const { found } = looking;
    const holds = before ? await inTime(found, before.holds, clock) : await found;
    return holds && live()?.instance === id;
  };
}

function inTime(found: Promise<boolean>, otherwise: boolean, clock: Clock): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const cancel = clock.after(PATIENCE_MS, () => resolve(otherwise));
  found.then(resolve, reject).finally(cancel);
  return promise;
}

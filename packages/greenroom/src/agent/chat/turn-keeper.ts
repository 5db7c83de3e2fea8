import { isAlive } from '../../proc.ts';
import type { Transcript } from '../transcript.ts';

const LOOK_EVERY_MS = 1_000;
/** How long a runner may take until it has taken a turn that waits, before another one is started. */
const PATIENCE_MS = 5_000;
const PATIENCE_MOST_MS = 60_000;

export interface TurnKeeperOptions {
  transcript: Pick<Transcript, 'running' | 'queued'>;
  /** Marks the turn of a dead runner as interrupted and clears up after it. */
  reap(): Promise<unknown>;
  startRunner(): void;
  log(message: string): void;
}

export interface TurnKeeper {
  /** A runner was started just now. */
  started(): void;
  close(): Promise<void>;
}

/** Looks after turns whose runner died, and after waiting ones that no runner takes, from the first moment. */
export function keepTurns({ transcript, reap, startRunner, log }: TurnKeeperOptions): TurnKeeper {
  let patienceMs = PATIENCE_MS;
  let waitingSince: number | undefined;
  /** Said once, until it is another. */
  let complaint = '';
  let busy = true;
  let looking: Promise<void> = look();
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    looking = look();
  }, LOOK_EVERY_MS).unref();

  async function look(): Promise<void> {
    try {
      const running = transcript.running();
      if (running && !(running.runner && isAlive(running.runner))) await reap();
      else if (running || transcript.queued().length === 0) {
        waitingSince = undefined;
        patienceMs = PATIENCE_MS;
      } else waited();
      complaint = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== complaint) log(`Turns cannot be looked after: ${message}`);
      complaint = message;
    } finally {
      busy = false;
    }
  }

  function waited(): void {
    const now = performance.now();
    // At first sight too: whoever posted it may have died before its runner was there. One runner too many ends by itself.
    if (waitingSince !== undefined && now - waitingSince < patienceMs) return;
    if (waitingSince !== undefined) {
      log('A message waits and no runner took it: starting another one.');
      patienceMs = Math.min(patienceMs * 2, PATIENCE_MOST_MS);
    }
    waitingSince = now;
    startRunner();
  }

  return {
    started: () => {
      waitingSince ??= performance.now();
    },
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}

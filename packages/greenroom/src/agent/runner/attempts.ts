import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, GreenroomAnswerError, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { Masker } from '../../masking/masker.ts';
import type { Transcript } from '../transcript.ts';
import type { TurnPlace } from './ports.ts';

const RETRY_MS = 1_000;
/** How long the end of a turn waits for the orchestrator's last words on its deploys. */
const LAST_WORDS_MS = 2_000;

export interface AttemptWatch {
  /** Ends it, once everything is told that the orchestrator had recorded until now. */
  close(): Promise<void>;
}

/** Tells of the deploys and rollbacks that this turn asks for, step by step, across restarts of the orchestrator; also when it does not run yet. */
export function watchAttempts(options: {
  socket: string;
  transcript: Transcript;
  place: TurnPlace;
  masker: Masker;
  log: (message: string) => void;
}): AttemptWatch {
  const { transcript, place, masker, log } = options;
  const client = createClient({ socket: options.socket });
  const abort = new AbortController();
  let seen = -1;
  let heard = Promise.withResolvers<void>();

  const listening = listen();
  return {
    async close() {
      const deadline = AbortSignal.timeout(LAST_WORDS_MS);
      const head = await ask(async () => (await client.status({ signal: deadline })).journal.records);
      while (head !== undefined && seen < head && !deadline.aborted) {
        await Promise.race([heard.promise, new Promise((resolve) => deadline.addEventListener('abort', resolve, { once: true }))]);
      }
      abort.abort();
      await listening;
    },
  };

  async function listen(): Promise<void> {
    // From what is recorded now on: nothing older can be this turn's.
    seen = (await ask(async () => (await client.status({ signal: abort.signal })).journal.records)) ?? 0;
    while (!abort.signal.aborted) {
      await ask(async () => {
        for await (const event of client.events({ signal: abort.signal, lastEventId: seen })) {
          for (const attempt of event.attempts) {
            if (attempt.origin?.turn === place.turn) transcript.appendAttempt(place, event.seq, masker.deep(attempt));
          }
          seen = event.seq;
          heard.resolve();
          heard = Promise.withResolvers();
        }
      });
      await sleep(RETRY_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    }
  }

  /** Undefined when that failed: the turn goes on without the orchestrator. */
  async function ask<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const expected = error instanceof GreenroomUnreachable || error instanceof GreenroomAnswerError;
      const aborted = error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
      if (!expected && !aborted)
        log(`The orchestrator's events cannot be followed: ${error instanceof Error ? error.stack : String(error)}`);
      return undefined;
    }
  }
}

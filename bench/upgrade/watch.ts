import type { EventMessage } from '../../packages/sdk/src/wire.ts';
import type { Greenroom } from '../harness/greenroom.ts';

/** Whoever follows the orchestrator's events on one stream, through all of its upgrades. */
export interface Watch {
  /** Resolves with the first event from now on that is like this. Rejects after a minute. */
  next(isIt: (event: EventMessage) => boolean): Promise<EventMessage>;
  /** Ends it, and answers the numbers of events that came twice, or too late, or not at all. */
  end(): Promise<number[]>;
}

const PATIENCE_MS = 60_000;

export function watchEvents({ client }: Greenroom): Watch {
  const following = new AbortController();
  const waiting = new Set<{ isIt: (event: EventMessage) => boolean; resolve: (event: EventMessage) => void }>();
  const seqs: number[] = [];
  const work = (async () => {
    for await (const event of client.events({ signal: following.signal })) {
      seqs.push(event.seq);
      for (const each of waiting) if (each.isIt(event)) each.resolve(event);
    }
  })();
  return {
    async next(isIt) {
      const { promise, resolve, reject } = Promise.withResolvers<EventMessage>();
      const each = { isIt, resolve };
      const late = setTimeout(() => reject(new Error(`no such event within ${PATIENCE_MS} ms: ${isIt}`)), PATIENCE_MS);
      waiting.add(each);
      return await promise.finally(() => {
        clearTimeout(late);
        waiting.delete(each);
      });
    },
    async end() {
      following.abort();
      await work;
      return seqs.filter((seq, index) => index > 0 && seq !== (seqs[index - 1] ?? 0) + 1);
    },
  };
}

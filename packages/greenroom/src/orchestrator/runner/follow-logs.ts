import { setTimeout as sleep } from 'node:timers/promises';
import type { LogOwner } from '@greenroom/sdk/wire';
import type { Instances } from '../ports.ts';

const LOOK_INTERVAL_MS = 300;

export type LogPiece = { owner: LogOwner } | { lines: string[] };

export interface FollowLogs {
  /** An id, or `live`: that goes on with the next live instance after a swap. */
  asked: string;
  lines: number;
  signal: AbortSignal;
}

/** Whose output comes, then its last lines, then what it writes, until the signal; until its end for an instance that was named. */
export async function* followLogs(
  instances: Pick<Instances, 'recall' | 'get' | 'follow'>,
  live: () => string,
  { asked, lines, signal }: FollowLogs,
): AsyncGenerator<LogPiece, void, undefined> {
  let shown = '';
  while (!signal.aborted) {
    const id = asked === 'live' ? live() : asked;
    const instance = id === '' || id === shown ? undefined : instances.recall(id);
    if (instance) {
      shown = id;
      yield { owner: { instance: id, commit: instance.commit, slot: instance.slot } };
      const over = (): boolean => !instances.get(id) || (asked === 'live' && live() !== id);
      for await (const batch of instances.follow(id, lines, signal, over)) yield { lines: batch };
    }
    if (asked !== 'live') return;
    await pause(signal);
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(LOOK_INTERVAL_MS, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

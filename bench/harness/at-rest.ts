import { setTimeout as delay } from 'node:timers/promises';
import type { Status } from '../../packages/sdk/src/wire.ts';
import { type Greenroom, tail } from './greenroom.ts';

export const REST_LIMIT_MS = 60_000;
const LOOK_PAUSE_MS = 10;

/** Waits until nothing is deployed, queued or retired any more and what is live is healthy: what comes next is measured alone. */
export async function atRest(greenroom: Greenroom, limitMs: number = REST_LIMIT_MS): Promise<Status> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const status = await greenroom.client.status();
    const busy = status.attempt !== null || status.queue.length > 0 || status.slots.some((slot) => slot.role === 'retiring');
    if (!busy && (status.healthy || status.live_commit === '')) return status;
    if (performance.now() > deadline)
      throw new Error(`not at rest within ${limitMs} ms: ${JSON.stringify(status)}\n${tail(greenroom.logFile)}`);
    await delay(LOOK_PAUSE_MS);
  }
}

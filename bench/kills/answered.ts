import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { COMMIT_HEADER } from '../load/client.ts';

export const RECOVERY_LIMIT_MS = 30_000;
const ASK_PAUSE_MS = 2;
const ASK_LIMIT_MS = 2_000;

/** Asks, each time on a new connection, until 200 comes from the commit. Answers the milliseconds since `began`; rejects when it takes too long. */
export async function answeredAgain({ url, commit, began }: { url: string; commit: string; began: number }): Promise<number> {
  while (!(await asksRight(url, commit))) {
    if (performance.now() - began > RECOVERY_LIMIT_MS)
      throw new Error(`${url} did not answer within ${RECOVERY_LIMIT_MS} ms after the kill`);
    await delay(ASK_PAUSE_MS);
  }
  return performance.now() - began;
}

/** One request on a connection of its own: whether 200 came, from the commit. */
function asksRight(url: string, commit: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const asked = request(url, { agent: false, signal: AbortSignal.timeout(ASK_LIMIT_MS) }, (response) => {
    response.once('error', () => resolve(false));
    response.once('end', () => resolve(response.statusCode === 200 && response.headers[COMMIT_HEADER] === commit));
    response.resume();
  });
  asked.once('error', () => resolve(false));
  asked.end();
  return promise;
}

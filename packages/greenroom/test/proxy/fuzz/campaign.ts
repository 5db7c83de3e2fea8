import { type NginxReference, startNginx } from './nginx-reference.ts';
import { fuzzRequests } from './run-requests.ts';
import { fuzzResponse } from './run-responses.ts';
import { type Sockets, startSockets } from './sockets.ts';
import { newTally, type Tally } from './tally.ts';

export interface Campaign {
  seed: number;
  /** How many connections of clients, and answers of apps; each is one case. */
  requests: number;
  responses: number;
  /** It ends after this long in any case; requests have the first half. */
  limitMs: number;
}

const AT_ONCE = 16;
/** One case of so many goes over real sockets too. */
const SOCKET_SHARE = 20;

/** Runs cases with the seeds from `seed` on, through the proxy, node:http and nginx. */
export async function runCampaign({ seed, requests, responses, limitMs }: Campaign): Promise<{ requests: Tally; responses: Tally }> {
  const [nginx, sockets]: [NginxReference, Sockets] = [await startNginx(), await startSockets()];
  const tallies = { requests: newTally(), responses: newTally() };
  const began = performance.now();
  try {
    await batches(requests, began + limitMs / 2, (i) =>
      fuzzRequests(seed + i, tallies.requests, { nginx, sockets: i % SOCKET_SHARE === 0 ? sockets : null }),
    );
    await batches(responses, began + limitMs, (i) => fuzzResponse(seed + i, tallies.responses, nginx));
    if (sockets.open() > 0) tallies.requests.wrong.push(`${sockets.open()} flights over sockets do not end`);
  } finally {
    await Promise.all([nginx.close(), sockets.close()]);
  }
  return tallies;
}

async function batches(count: number, deadline: number, one: (i: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < count && performance.now() < deadline; i += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, k) => one(i + k)));
}

/** The tally as lines of text. */
export function report(name: string, { cases, taken, kinds, refusals, wrong }: Tally): string {
  const byCount = (map: Map<string, { count: number; seed: number }>): string =>
    [...map]
      .sort(([, a], [, b]) => b.count - a.count)
      .map(([kind, { count, seed }]) => `${String(count).padStart(9)}  ${kind} (seed ${seed})`)
      .join('\n');
  return [
    `${name}: ${cases} cases, ${taken} messages passed whole, ${wrong.length} wrong`,
    ...(refusals.size > 0 ? ['  refused by the proxy:', byCount(refusals)] : []),
    '  differences from the references:',
    byCount(kinds),
    ...wrong.slice(0, 20),
  ].join('\n');
}

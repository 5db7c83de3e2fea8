import { compareRequests, type Difference, refusalOf, requestsOf, UNEXPLAINED } from './compare.ts';
import { digest, type NginxReference } from './nginx-reference.ts';
import { type Framed, serverFraming } from './node-reference.ts';
import { run } from './ours.ts';
import { createRandom, cuts } from './random.ts';
import { traceRequests } from './reached.ts';
import { generateRequests } from './requests.ts';
import type { Sockets } from './sockets.ts';
import { countIn, type Tally } from './tally.ts';

const OK = [Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')];

/** node:http takes it for `Connection`, and nothing more on that connection. */
const CLOSES_BY_PROXY_CONNECTION = /^Proxy-Connection: close/im;

export interface References {
  nginx: NginxReference | null;
  /** Where the case goes over real sockets too. */
  sockets: Sockets | null;
}

/** One connection's bytes through the proxy and the references. */
export async function fuzzRequests(seed: number, tally: Tally, { nginx, sockets }: References): Promise<void> {
  const random = createRandom(seed);
  const bytes = Buffer.from(generateRequests(random), 'latin1');
  const pieces: Buffer[] = [];
  let from = 0;
  for (const to of cuts(random, bytes.length)) {
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  const seen = run({ client: pieces, app: { pieces: OK, ends: false }, eager: random.chance(0.3) }, tally.reached);
  traceRequests(bytes, tally.reached);
  const { messages, problem } = await requestsOf(seen, serverFraming);
  tally.cases += 1;
  tally.taken += messages.length;
  const fail = (what: string): void => {
    tally.wrong.push(`request seed ${seed}: ${what}\n${JSON.stringify(bytes.toString('latin1'))}`);
  };
  if (problem !== '') fail(problem);
  if (seen.open > 0) fail(`${seen.open} flights do not end`);
  const note = (who: string, difference: Difference | null): void => {
    if (!difference) return;
    if (difference.wrong) fail(`${who}: ${difference.kind}`);
    else countIn(tally.kinds, `${who}: ${difference.kind}`, seed);
  };
  const refusal = refusalOf(seen);
  const byNode = compareRequests(messages, await serverFraming(bytes), refusal);
  note(
    'node',
    byNode && {
      ...byNode,
      wrong: byNode.wrong || (byNode.kind.startsWith('taken') && !CLOSES_BY_PROXY_CONNECTION.test(bytes.toString('latin1'))),
    },
  );
  if (refusal !== '') countIn(tally.refusals, refusal, seed);
  const theirs: Framed | undefined = await nginx?.framing(pieces.length > 50 ? [bytes] : pieces);
  const digested = messages.map((each) => ({ ...each, body: digest(each.body) }));
  if (theirs) note('nginx', explained(bytes, compareRequests(digested, theirs, refusal)));
  const overSockets = await sockets?.framing(pieces, messages.length);
  if (overSockets && JSON.stringify(overSockets) !== JSON.stringify(messages))
    fail(`over sockets ${JSON.stringify(overSockets)}, without ${JSON.stringify(messages)}`);
}

const STAR = 'OPTIONS *';
const EMPTY_QUERY = 'an empty query behind no path';

/** What nginx refuses or reads otherwise by itself, without being any stricter on framing. */
const OWN_WAYS: readonly [string, RegExp][] = [
  ['a percent sign that is not followed by two digits, or stands for NUL', /%(?:00|(?![0-9a-f]{2}))/i],
  [EMPTY_QUERY, /https?:\/\/[^/?\s]*\? /i],
  [STAR, /OPTIONS (?:\*|http:\/\/[^/?]* )/i],
  ['more than one Expect', /Expect:[\s\S]*Expect:/i],
  ['a word of Connection that has "close" in it', /Connection:.*close/i],
];

/** A request that only the proxy takes is no other framing, but to be explained. */
function explained(bytes: Buffer, difference: Difference | null): Difference | null {
  if (!difference || difference.kind.startsWith('refused')) return difference;
  const text = bytes.toString('latin1');
  const ways = OWN_WAYS.filter(([, pattern]) => pattern.test(text)).map(([way]) => way);
  const read = ways.find((way) => (way === STAR && seesTarget('*', difference)) || (way === EMPTY_QUERY && seesTarget('/?', difference)));
  const way = difference.wrong ? read : ways[0];
  if (way) return { wrong: false, kind: `taken, refused or read otherwise there: ${way}` };
  return difference.wrong ? difference : { wrong: false, kind: `${UNEXPLAINED}${difference.kind}` };
}

const seesTarget = (target: string, { kind }: Difference): boolean =>
  kind.startsWith('the app sees') && kind.includes(`"url":${JSON.stringify(target)}`);

import { compareRequests, type Difference, refusalOf, requestsOf } from './compare.ts';
import { digest, type NginxReference } from './nginx-reference.ts';
import { type Framed, serverFraming } from './node-reference.ts';
import { run } from './ours.ts';
import { createRandom, cuts } from './random.ts';
import { generateRequests } from './requests.ts';
import { countKind, type Tally } from './tally.ts';

const OK = [Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')];

/** One connection's bytes through the proxy and the references. */
export async function fuzzRequests(seed: number, tally: Tally, nginx: NginxReference | null): Promise<void> {
  const random = createRandom(seed);
  const bytes = Buffer.from(generateRequests(random), 'latin1');
  const pieces: Buffer[] = [];
  let from = 0;
  for (const to of cuts(random, bytes.length)) {
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  const seen = run({ client: pieces, app: { pieces: OK, ends: false }, eager: random.chance(0.3) });
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
    else countKind(tally, `${who}: ${difference.kind}`, seed);
  };
  const refusal = refusalOf(seen);
  const byNode = compareRequests(messages, await serverFraming(bytes), refusal);
  note('node', byNode && { ...byNode, wrong: byNode.wrong || byNode.kind.startsWith('taken') });
  if (!nginx) return;
  const theirs: Framed = await nginx.framing(pieces.length > 50 ? [bytes] : pieces);
  const digested = messages.map((each) => ({ ...each, body: digest(each.body) }));
  note('nginx', explained(bytes, compareRequests(digested, theirs, refusal)));
}

/** What nginx refuses or reads otherwise by itself, without being any stricter on framing. */
const OWN_WAYS: readonly [string, RegExp][] = [
  ['a NUL behind a percent sign', /%00/],
  ['OPTIONS *', /OPTIONS (?:\*|http:\/\/[^/?]* )/i],
  ['a tab before a length or coding', /(?:Content-Length|Transfer-Encoding):[ \t]*\t/i],
  ['a word of Connection that has "close" in it', /Connection:.*close/i],
];

/** A request that only the proxy takes is wrong, unless it is known why. */
function explained(bytes: Buffer, difference: Difference | null): Difference | null {
  if (!difference || difference.kind.startsWith('refused')) return difference;
  const text = bytes.toString('latin1');
  const [way] = OWN_WAYS.find(([, pattern]) => pattern.test(text)) ?? [];
  const isTarget = way === 'OPTIONS *' && difference.kind.includes('"url":"*"');
  if (way && (!difference.wrong || isTarget)) return { wrong: false, kind: `taken, refused or read otherwise there: ${way}` };
  return { ...difference, wrong: true };
}

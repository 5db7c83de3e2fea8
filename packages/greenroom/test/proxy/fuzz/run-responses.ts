import { clientFraming } from './node-reference.ts';
import { run } from './ours.ts';
import { createRandom, cuts } from './random.ts';
import { generateResponse } from './responses.ts';
import { countIn, type Tally } from './tally.ts';

/** One answer of an app through the proxy, beside what a client makes of it without. */
export async function fuzzResponse(seed: number, tally: Tally): Promise<void> {
  const random = createRandom(seed);
  const method = random.chance(0.2) ? 'HEAD' : 'GET';
  const version = random.chance(0.2) ? '1.0' : '1.1';
  const bytes = Buffer.from(generateResponse(random), 'latin1');
  const pieces: Buffer[] = [];
  let from = 0;
  for (const to of cuts(random, bytes.length)) {
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  const request = Buffer.from(`${method} / HTTP/${version}\r\nHost: a\r\n\r\n`);
  const seen = run({ client: [request], app: { pieces, ends: true }, eager: true });
  const [ours, theirs] = await Promise.all([
    clientFraming(seen.answer, method, seen.ending !== 'reset'),
    clientFraming(bytes, method, true),
  ]);
  tally.cases += 1;
  const fail = (what: string): void => {
    tally.wrong.push(
      `response seed ${seed}, ${method} HTTP/${version}: ${what}\n${JSON.stringify(bytes.toString('latin1'))}\n${JSON.stringify(seen.answer.toString('latin1'))}`,
    );
  };
  const [lent] = seen.lent;
  const own = /\r\n\r\nThe app ended without an answer(?:: the app's answer is malformed \((.*)\))?/.exec(seen.answer.toString('latin1'));
  if (seen.open > 0) fail(`${seen.open} flights do not end`);
  // An answer of the proxy's own to HEAD is known by its status alone.
  if (own || (ours.status === 502 && theirs.status !== 502)) {
    if (theirs.whole)
      countIn(tally.kinds, `answer: 502: ${own ? (own[1] ?? 'switches protocols unasked, or ends too early') : 'for HEAD'}`, seed);
    return;
  }
  if (ours.whole) tally.taken += 1;
  if (ours.whole && theirs.whole && (ours.status !== theirs.status || ours.body !== theirs.body))
    fail(`the client sees ${JSON.stringify(ours)}, without the proxy ${JSON.stringify(theirs)}`);
  else if (ours.whole && !theirs.whole) countIn(tally.kinds, `answer: passed, refused there: ${theirs.error || 'waits for more'}`, seed);
  else if (!ours.whole && theirs.whole) countIn(tally.kinds, 'answer: cut', seed);
  if (ours.whole && !theirs.whole && theirs.error === '') fail('an answer that is not whole looks whole');
  if (lent?.givenBack && theirs.error !== '') fail(`a connection is lent again that ends in ${theirs.error}`);
}

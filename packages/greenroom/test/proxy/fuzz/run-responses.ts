import { compareAnswers, type Difference, ownAnswer, PASSED, UNEXPLAINED } from './compare.ts';
import type { NginxReference } from './nginx-reference.ts';
import { clientFraming } from './node-reference.ts';
import { run } from './ours.ts';
import { createRandom, cuts } from './random.ts';
import { traceAnswer } from './reached.ts';
import { generateResponse } from './responses.ts';
import { countIn, type Tally } from './tally.ts';

/** node:http, when an interim answer says `Connection: close` and another one follows. */
const CLOSE_OF_INTERIM = 'HPE_CLOSED_CONNECTION';

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: x\r\n';
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\n`;

/** One answer of an app through the proxy, beside what a client makes of it without, and behind nginx. */
export async function fuzzResponse(seed: number, tally: Tally, nginx: NginxReference | null): Promise<void> {
  const random = createRandom(seed);
  const method = random.chance(0.2) ? 'HEAD' : 'GET';
  const version = random.chance(0.2) ? '1.0' : '1.1';
  const upgrades = method === 'GET' && version === '1.1' && random.chance(0.1);
  const bytes = Buffer.from((upgrades && random.chance(0.5) ? SWITCH : '') + generateResponse(random), 'latin1');
  const pieces: Buffer[] = [];
  let from = 0;
  for (const to of cuts(random, bytes.length)) {
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  const request = Buffer.from(`${method} / HTTP/${version}\r\nHost: a\r\n${upgrades ? UPGRADE : ''}\r\n`);
  const seen = run({ client: [request], app: { pieces, ends: true }, eager: true }, tally.reached);
  traceAnswer(bytes, tally.reached);
  const [ours, direct, behindNginx] = await Promise.all([
    clientFraming(seen.answer, method, seen.ending !== 'reset', upgrades),
    clientFraming(bytes, method, true, upgrades),
    // It would have to be told to pass the question on.
    upgrades ? undefined : nginx?.answer(finalOf(bytes), method, version),
  ]);
  tally.cases += 1;
  const fail = (what: string): void => {
    tally.wrong.push(
      `response seed ${seed}, ${method} HTTP/${version}: ${what}\n${JSON.stringify(bytes.toString('latin1'))}\n${JSON.stringify(seen.answer.toString('latin1'))}`,
    );
  };
  const note = (who: string, difference: Difference | null): void => {
    if (!difference) return;
    if (difference.wrong) fail(`${who}: ${difference.kind}`);
    // The proxy is stricter on purpose, and says why; where it takes what a reference refuses, there has to be a reason.
    else if (!difference.kind.startsWith(PASSED) || (who === 'node' && difference.kind.endsWith(CLOSE_OF_INTERIM)))
      countIn(tally.kinds, `${who}: ${difference.kind}`, seed);
    else countIn(tally.kinds, `${UNEXPLAINED}${who}: ${difference.kind}`, seed);
  };
  const own = ownAnswer(seen, ours, direct);
  if (own !== '') countIn(tally.refusals, own, seed);
  else if (ours.whole) tally.taken += 1;
  note('node', compareAnswers(ours, direct, own));
  if (behindNginx) note('nginx', compareAnswers(ours, behindNginx, own));
  if (seen.open > 0) fail(`${seen.open} flights do not end`);
  if (own !== '') return;
  if (ours.whole && ours.error !== '') fail(`more than one answer for the client: ${ours.error}`);
  if (ours.whole && !direct.whole && direct.error === '') fail('an answer that is not whole looks whole');
  if (seen.lent[0]?.givenBack && direct.error !== '') fail(`a connection is lent again that ends in ${direct.error}`);
}

/** Interim answers before it, but no change of protocol. */
const INTERIM = /^(?:HTTP\/1\.[01] 1(?!01)\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)*/;

/** The answer without what comes before it: nginx takes the first answer for the last one. */
function finalOf(bytes: Buffer): Buffer {
  return bytes.subarray(INTERIM.exec(bytes.toString('latin1'))?.[0].length ?? 0);
}

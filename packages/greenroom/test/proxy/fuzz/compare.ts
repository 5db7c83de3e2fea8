/** Lays what the app saw behind the proxy beside what a reference made of the same bytes. */
import type { Answered, Framed, Message } from './node-reference.ts';
import type { Seen } from './ours.ts';

/** Before a class of differences that nothing explains. */
export const UNEXPLAINED = 'unexplained: ';
/** The proxy passes an answer that the reference refuses. */
export const PASSED = 'passed, refused there';

export interface Difference {
  /** A bug: both took a request, and took different ones; or what the proxy sent is no request, or not one. */
  wrong: boolean;
  /** Classes of differences are counted, and explained in the README. */
  kind: string;
}

/** The requests that the proxy gave to the app whole, read back by the strictest reader there is. */
export type ReadBack = (bytes: Buffer) => Promise<Framed>;

export async function requestsOf(seen: Seen, readBack: ReadBack): Promise<{ messages: Message[]; problem: string }> {
  const whole = seen.lent.filter((each) => each.whole);
  // On one connection one behind the other, as on a reused one: each must end exactly where the next begins.
  const { messages, error } =
    whole.length === 0 ? { messages: [], error: '' } : await readBack(Buffer.concat(whole.map((each) => each.bytes)));
  // The reader's own limit, which counts thousands of short headers otherwise: it refuses, and takes nothing for something else.
  if (error === 'HPE_HEADER_OVERFLOW') return { messages, problem: '' };
  if (error !== '' || messages.length !== whole.length)
    return { messages, problem: `${whole.length} requests to the app read as ${messages.length} ${error}` };
  return { messages, problem: '' };
}

export function compareRequests(ours: readonly Message[], reference: Framed, refusal: string): Difference | null {
  const { messages, error } = reference;
  for (let i = 0; i < Math.min(ours.length, messages.length); i += 1) {
    const [one, other] = [ours[i] as Message, messages[i] as Message];
    if (one.method !== other.method || one.url !== inOriginForm(other) || one.body !== other.body)
      return { wrong: true, kind: `the app sees ${JSON.stringify(one)}, the reference ${JSON.stringify(other)}` };
  }
  if (ours.length > messages.length) return { wrong: false, kind: `taken, refused there: ${error || 'waits for more'}` };
  if (ours.length < messages.length) return { wrong: false, kind: `refused: ${refusal || 'waits for more'}` };
  return null;
}

function inOriginForm({ method, url }: Message): string {
  const absolute = /^https?:\/\/[^/?]*(.*)$/is.exec(url);
  if (!absolute) return url;
  const [, rest = ''] = absolute;
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Why the proxy stopped, as it says it to the client. */
export function refusalOf(seen: Seen): string {
  const text = seen.answer.toString('latin1');
  const said = /Bad request: (.*)\.\n$/.exec(text)?.[1] ?? /^HTTP\/1\.1 (4\d\d)/m.exec(text)?.[1] ?? '';
  return said || (seen.ending === 'ended' ? 'closed without a word, behind an answered request' : '');
}

/** Why the proxy answered with 502 instead of the app's answer; empty when it did not. */
export function ownAnswer(seen: Seen, ours: Answered, direct: Answered): string {
  const own = /\r\n\r\nThe app ended without an answer(?:: the app's answer is malformed \((.*)\))?/.exec(seen.answer.toString('latin1'));
  if (own) return own[1] ?? 'switches protocols unasked, or ends too early';
  // To HEAD it is known by its status alone.
  return ours.status === 502 && direct.status !== 502 ? 'for HEAD' : '';
}

/** `own`: why the proxy refused the answer. */
export function compareAnswers(ours: Answered, reference: Answered, own: string): Difference | null {
  if (own !== '') return reference.whole && reference.status !== 502 ? { wrong: false, kind: `502: ${own}` } : null;
  if (ours.whole && reference.whole) {
    if (ours.status === reference.status && ours.body === reference.body) return null;
    return { wrong: true, kind: `the client sees ${JSON.stringify(ours)}, by the reference ${JSON.stringify(reference)}` };
  }
  if (ours.whole) return { wrong: false, kind: `${PASSED}: ${reference.error || 'waits for more'}` };
  return reference.whole ? { wrong: false, kind: 'cut, passed there' } : null;
}

/** Lays what the app saw behind the proxy beside what a reference made of the same bytes. */
import type { Framed, Message } from './node-reference.ts';
import type { Seen } from './ours.ts';

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

/** How often each state of the parsers is reached, found out from outside: by giving them alone the same bytes, and by looking on at a client. */
import { CHUNK_STATE, createChunkScanner } from '../../../src/proxy/splice/chunks.ts';
import { CLIENT_STATE, type Client } from '../../../src/proxy/splice/client.ts';
import { AT, FIELD_KIND, FIELD_STRIDE, newFieldTable, readFields } from '../../../src/proxy/splice/fields.ts';
import { ANSWER_REFUSAL, REFUSAL } from '../../../src/proxy/splice/refusals.ts';
import { CHUNKED_BODY, parseRequest } from '../../../src/proxy/splice/request-head.ts';
import { CHUNKED_ANSWER, parseResponse } from '../../../src/proxy/splice/response-head.ts';

const STATES = {
  'client connection': CLIENT_STATE,
  'chunk scanner': CHUNK_STATE,
  'request refused': REFUSAL,
  'answer refused': ANSWER_REFUSAL,
  'header of a request': FIELD_KIND,
  'header of an answer': FIELD_KIND,
} as const;
type Group = keyof typeof STATES;

/** Counts by group and name of the state; each is there from the beginning, with 0. */
export type Reached = Record<Group, Map<string, number>>;

const GROUPS = Object.keys(STATES) as Group[];
const END_OF_HEAD = '\r\n\r\n';
const TABLE = newFieldTable();

export function newReached(): Reached {
  const empty = (group: Group): Map<string, number> => new Map(Object.keys(STATES[group]).map((name) => [name, 0]));
  return Object.fromEntries(GROUPS.map((group) => [group, empty(group)])) as Reached;
}

/** What was never reached, such as `chunk scanner: trailer`. */
export function missed(reached: Reached): string[] {
  return GROUPS.flatMap((group) => [...reached[group]].filter(([, count]) => count === 0).map(([name]) => `${group}: ${name}`));
}

export function reachedReport(reached: Reached): string {
  const lines = (group: Group): string[] => [...reached[group]].map(([name, count]) => `${String(count).padStart(11)}  ${name}`);
  return GROUPS.flatMap((group) => [`${group}:`, ...lines(group)]).join('\n');
}

export function mergeReached(one: Reached, other: Reached): Reached {
  const sums = (group: Group): Map<string, number> =>
    new Map([...one[group]].map(([name, count]) => [name, count + (other[group].get(name) ?? 0)]));
  return Object.fromEntries(GROUPS.map((group) => [group, sums(group)])) as Reached;
}

/** Counts each state that the client's connection enters from now on. */
export function watchClient(client: Client, reached: Reached): void {
  let { state } = client;
  const enter = (entered: typeof state): void => {
    state = entered;
    count(reached, 'client connection', entered);
  };
  enter(state);
  Object.defineProperty(client, 'state' satisfies keyof Client, { get: () => state, set: enter });
}

/** What a client sends on one connection, up to what is refused or is not whole. */
export function traceRequests(bytes: Buffer, reached: Reached): void {
  let at = 0;
  for (;;) {
    while (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
    const end = endOfHead(bytes, at);
    if (end === -1) return;
    countFields(bytes.subarray(at, end), reached, 'header of a request');
    const parsed = parseRequest(bytes, at, end);
    if (!parsed.ok) {
      count(reached, 'request refused', parsed.reason);
      return;
    }
    at = parsed.head.body === CHUNKED_BODY ? traceChunks(bytes, end, reached) : end + parsed.head.body;
    if (at === -1) {
      count(reached, 'request refused', REFUSAL.chunk);
      return;
    }
  }
}

/** What an app answers, with any interim answers before. */
export function traceAnswer(bytes: Buffer, reached: Reached): void {
  for (let at = 0, end = endOfHead(bytes, 0); end !== -1; at = end, end = endOfHead(bytes, at)) {
    countFields(bytes.subarray(at, end), reached, 'header of an answer');
    const parsed = parseResponse(bytes, at, end);
    if (!parsed.ok) count(reached, 'answer refused', parsed.reason);
    else if (parsed.head.body === CHUNKED_ANSWER) traceChunks(bytes, end, reached);
    if (!parsed.ok || parsed.head.status >= 200) return;
  }
}

/** Behind the chunks; -1 when they are malformed. Byte by byte, so that each state shows. */
function traceChunks(bytes: Buffer, start: number, reached: Reached): number {
  const scanner = createChunkScanner();
  count(reached, 'chunk scanner', scanner.state);
  for (let at = start; at < bytes.length; at += 1) {
    const { state } = scanner;
    scanner.scan(bytes.subarray(0, at + 1), at, []);
    if (scanner.state !== state) count(reached, 'chunk scanner', scanner.state);
    if (scanner.state === CHUNK_STATE.broken) return -1;
    if (scanner.state === CHUNK_STATE.done) return at + 1;
  }
  return bytes.length;
}

function countFields(head: Buffer, reached: Reached, group: Group): void {
  readFields(head, head.indexOf('\r\n') + 2, head.length, TABLE);
  for (let row = 0; row < TABLE.count * FIELD_STRIDE; row += FIELD_STRIDE) count(reached, group, TABLE.places[row + AT.kind] as number);
}

function endOfHead(bytes: Buffer, from: number): number {
  const found = bytes.indexOf(END_OF_HEAD, from);
  return found === -1 ? -1 : found + END_OF_HEAD.length;
}

const NAMES = Object.fromEntries(
  GROUPS.map((group) => [group, new Map<unknown, string>(Object.entries(STATES[group]).map(([name, state]) => [state, name]))]),
) as Record<Group, Map<unknown, string>>;

function count(reached: Reached, group: Group, state: unknown): void {
  const name = NAMES[group].get(state) ?? `unknown: ${state}`;
  reached[group].set(name, (reached[group].get(name) ?? 0) + 1);
}

/**
 * What a conversation shows, put together from its events: one item per message, block of text, tool call, permission, commit, attempt and so on, in
 * the order in which they began. Pure. Items come in chunks, so that a view draws only those in sight; an item is replaced when it changes, never altered.
 */
import type { ChatEvent, ChatEventBody, ChatPage, TurnStatus } from '@greenroom/sdk/chat';

type Body<K extends ChatEventBody['kind']> = Extract<ChatEventBody, { kind: K }>;
interface Place {
  key: string;
  /** Of the event that began it. */
  seq: number;
  /** Of the last event that added to it. */
  last: number;
  time: string;
  turn: string;
}

export type Item = Place &
  (
    | Body<'message'>
    | { kind: 'text'; text: string; until: string }
    | { kind: 'thought'; text: string; until: string }
    | (Body<'tool'> & { until: string })
    | Body<'plan'>
    | Body<'permission'>
    | Body<'commit'>
    | Body<'attempt'>
    | Body<'notice'>
    | { kind: 'start'; agent: string; session: string }
    | { kind: 'end'; status: TurnStatus; detail: string; uncommitted: string[] }
  );
export type ItemOf<K extends Item['kind']> = Extract<Item, { kind: K }>;

export interface Chunk {
  id: number;
  items: Item[];
  /** Changes with any item of it. */
  version: number;
}

export interface TurnSummary {
  status: TurnStatus;
  /** Sequence number of its last event of kind `turn`. */
  last: number;
  started: string;
  ended: string;
}

export interface Timeline {
  readonly chunks: readonly Chunk[];
  readonly turns: ReadonlyMap<string, TurnSummary>;
  /** Sequence number of the newest event seen: where a stream resumes. */
  readonly newest: number;
  /** Of the oldest: what to ask older ones before. */
  readonly oldest: number;
  readonly more: boolean;
  readonly size: number;
  has(key: string): boolean;
  get(key: string): Item | undefined;
  /** Newer events; those that were seen already are passed over. Answers what is new to tell of. */
  append(events: readonly ChatEvent[]): ChatEvent[];
  /** A page of older ones, or the first one. */
  prepend(page: ChatPage): void;
  /** Forgets the oldest items when there are too many; they can be asked for again. */
  trim(limit: number): void;
}

export const CHUNK_SIZE = 30;

export function createTimeline(): Timeline {
  let chunks: Chunk[] = [];
  let places = new Map<string, Chunk>();
  const turns = new Map<string, TurnSummary>();
  let ids = 0;
  let newest = 0;
  let oldest = Number.POSITIVE_INFINITY;
  let more = false;

  const find = (key: string): Item | undefined => places.get(key)?.items.find((item) => item.key === key);
  const newChunk = (): Chunk => ({ id: ids++, items: [], version: 0 });

  function put(item: Item): void {
    const chunk = places.get(item.key);
    if (chunk) {
      chunk.items = chunk.items.map((known) => (known.key === item.key ? merge(known, item) : known));
      chunk.version += 1;
      return;
    }
    let last = chunks.at(-1);
    if (!last || last.items.length >= CHUNK_SIZE) {
      last = newChunk();
      chunks = [...chunks, last];
    }
    last.items = [...last.items, item];
    last.version += 1;
    places.set(item.key, last);
  }

  /** What older events began and newer ones went on with moves to where it began. */
  function takeOut(key: string): Item | undefined {
    const item = find(key);
    const chunk = places.get(key);
    if (!item || !chunk) return undefined;
    chunk.items = chunk.items.filter((one) => one.key !== key);
    chunk.version += 1;
    places.delete(key);
    return item;
  }

  function noteTurn(event: ChatEvent, isOlder: boolean): void {
    if (event.kind !== 'turn') return;
    const known = turns.get(event.turn) ?? { status: event.status, last: event.seq, started: '', ended: '' };
    const { status } = event;
    const isFinal = status !== 'queued' && status !== 'running';
    const started = status === 'running' ? event.time : '';
    const ended = isFinal ? event.time : '';
    turns.set(event.turn, {
      status: isOlder ? known.status : status,
      last: isOlder ? known.last : event.seq,
      started: isOlder ? known.started || started : started || known.started,
      ended: isOlder ? known.ended || ended : ended || known.ended,
    });
  }

  return {
    get chunks() {
      return chunks;
    },
    turns,
    get newest() {
      return newest;
    },
    get oldest() {
      return oldest;
    },
    get more() {
      return more;
    },
    get size() {
      return places.size;
    },
    has: (key) => places.has(key),
    get: find,
    append(events) {
      const fresh = events.filter((event) => event.seq > newest);
      for (const event of fresh) {
        if (event.seq <= newest) continue;
        newest = event.seq;
        oldest = Math.min(oldest, begin(event));
        noteTurn(event, false);
        const item = itemOf(event);
        if (item) put(item);
      }
      return fresh;
    },
    prepend(page) {
      const known = oldest;
      const knownTurns = new Set(turns.keys());
      const events = page.events.filter((event) => event.seq < known);
      more = page.more;
      const first = new Map<string, Item>();
      for (const event of events) {
        newest = Math.max(newest, event.seq);
        oldest = Math.min(oldest, begin(event));
        noteTurn(event, knownTurns.has(event.turn));
        const item = itemOf(event);
        if (!item) continue;
        const before = first.get(item.key);
        first.set(item.key, before ? merge(before, item) : item);
      }
      const older: Chunk[] = [];
      for (const item of first.values()) {
        const newer = takeOut(item.key);
        let last = older.at(-1);
        if (!last || last.items.length >= CHUNK_SIZE) {
          last = newChunk();
          older.push(last);
        }
        last.items.push(newer ? merge(item, newer) : item);
        places.set(item.key, last);
      }
      chunks = [...older, ...chunks.filter((chunk) => chunk.items.length > 0)];
    },
    trim(limit) {
      const cut = cutAt(chunks, places.size - limit);
      if (cut === 0) return;
      chunks = chunks.slice(cut);
      places = new Map(chunks.flatMap((chunk) => chunk.items.map((item) => [item.key, chunk] as const)));
      oldest = beginOf(chunks[0]);
      more = true;
    },
  };
}

/** How many chunks can go, so that at most `surplus` items do and none of them has an event among those that stay. */
function cutAt(chunks: readonly Chunk[], surplus: number): number {
  let cut = 0;
  let gone = 0;
  let last = 0;
  for (const [index, chunk] of chunks.slice(0, -1).entries()) {
    gone += chunk.items.length;
    if (gone > surplus) break;
    last = chunk.items.reduce((latest, item) => Math.max(latest, item.last), last);
    if (last < beginOf(chunks[index + 1])) cut = index + 1;
  }
  return cut;
}

function beginOf(chunk: Chunk | undefined): number {
  return chunk?.items.reduce((first, item) => Math.min(first, item.seq), Number.POSITIVE_INFINITY) ?? 0;
}

function begin(event: ChatEvent): number {
  return event.first_seq ?? event.seq;
}

/** What one event alone says of its item; null for events that show nothing. */
function itemOf(event: ChatEvent): Item | null {
  const place = { seq: begin(event), last: event.seq, time: event.first_time ?? event.time, turn: event.turn };
  switch (event.kind) {
    case 'message':
      return { ...place, key: `message:${event.id}`, kind: 'message', id: event.id, text: event.text, user: event.user };
    case 'text':
    case 'thought':
      return { ...place, key: `${event.kind}:${event.turn}:${event.block}`, kind: event.kind, text: event.delta, until: event.time };
    case 'tool':
      return { ...bodyOf(event), ...place, key: `tool:${event.turn}:${event.call}`, until: event.time };
    case 'plan':
      return { ...place, key: `plan:${event.turn}`, kind: 'plan', entries: event.entries };
    case 'permission':
      return { ...bodyOf(event), ...place, key: `permission:${event.request}` };
    case 'commit':
      return { ...bodyOf(event), ...place, key: `commit:${event.commit}` };
    case 'attempt':
      return { ...bodyOf(event), ...place, key: `attempt:${event.attempt.id}` };
    case 'notice':
      return { ...bodyOf(event), ...place, key: `notice:${event.seq}` };
    case 'turn':
      if (event.status === 'queued') return null;
      if (event.status === 'running')
        return { ...place, key: `start:${event.turn}`, kind: 'start', agent: event.agent ?? '', session: event.session ?? 'new' };
      return {
        ...place,
        key: `end:${event.turn}:${event.seq}`,
        kind: 'end',
        status: event.status,
        detail: event.detail,
        uncommitted: event.uncommitted ?? [],
      };
    default: {
      // A service that is newer than this page: what it says beyond our knowledge is not shown.
      const unknown: never = event;
      return unknown && null;
    }
  }
}

/** What an event says, without its place among others. */
function bodyOf<E extends ChatEvent>(event: E): Omit<E, 'seq' | 'first_seq' | 'first_time' | 'conversation'> {
  const { seq: _seq, first_seq: _first, first_time: _time, conversation: _conversation, ...body } = event;
  return body;
}

/** The later one of two says more; the place stays that of the earlier one. */
function merge(older: Item, newer: Item): Item {
  const place = { key: older.key, seq: older.seq, last: Math.max(older.last, newer.last), time: older.time, turn: older.turn };
  if ((older.kind === 'text' || older.kind === 'thought') && newer.kind === older.kind)
    return { ...newer, ...place, text: older.text + newer.text };
  if (older.kind === 'tool' && newer.kind === 'tool') return { ...older, ...newer, ...place };
  if (older.kind === 'attempt' && newer.kind === 'attempt' && older.journal_seq > newer.journal_seq) return { ...older, ...place };
  return { ...newer, ...place };
}

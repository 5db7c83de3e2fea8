import type { ChatEvent } from '@greenroom/sdk/chat';

/** Puts together what belongs together, from the newest event to the oldest. */
export interface Merger {
  /** Takes the next older event. */
  add(event: ChatEvent): void;
  /** How many events came out of it so far. */
  readonly size: number;
  /** Whether the page may end before this event: no block of text and no tool call would be cut. */
  mayEndBefore(older: ChatEvent | undefined): boolean;
  /** Oldest first, by the place where each began. */
  events(): ChatEvent[];
}

type Delta = Extract<ChatEvent, { kind: 'text' | 'thought' }>;
type Tool = Extract<ChatEvent, { kind: 'tool' }>;
type AttemptEvent = Extract<ChatEvent, { kind: 'attempt' }>;
interface Block {
  event: Delta;
  /** Newest first. */
  deltas: string[];
}

export function createMerger(): Merger {
  const merged: (ChatEvent | Block)[] = [];
  const tools = new Map<string, Tool>();
  const attempts = new Map<string, AttemptEvent>();
  let untitled = 0;
  let last: Block | undefined;

  function addTool(event: Tool): void {
    const key = `${event.turn} ${event.call}`;
    const known = tools.get(key);
    if (!known) {
      tools.set(key, event);
      merged.push(event);
      if (event.title === undefined) untitled += 1;
      return;
    }
    if (known.title === undefined && event.title !== undefined) untitled -= 1;
    // What was said later counts; what was not said again still holds.
    const whole = { ...event, ...known, ...beginOf(event) };
    tools.set(key, whole);
    merged[merged.indexOf(known)] = whole;
  }

  /** The newest version of an attempt, at the place where it began. */
  function addAttempt(event: AttemptEvent): void {
    const known = attempts.get(event.attempt.id);
    const whole = known ? { ...known, ...beginOf(event) } : event;
    attempts.set(event.attempt.id, whole);
    if (known) merged[merged.indexOf(known)] = whole;
    else merged.push(whole);
  }

  return {
    add(event) {
      if (event.kind === 'text' || event.kind === 'thought') {
        if (last && continues(last.event, event)) {
          last.deltas.push(event.delta);
          last.event = { ...last.event, ...beginOf(event) };
          return;
        }
        last = { event, deltas: [event.delta] };
        merged.push(last);
        return;
      }
      last = undefined;
      if (event.kind === 'tool') addTool(event);
      else if (event.kind === 'attempt') addAttempt(event);
      else merged.push(event);
    },
    get size() {
      return merged.length;
    },
    mayEndBefore: (older) => untitled === 0 && !(older && last && isDelta(older) && continues(last.event, older)),
    events: () =>
      merged
        .map((item) => ('deltas' in item ? { ...item.event, delta: item.deltas.reverse().join('') } : item))
        .sort((one, other) => (one.first_seq ?? one.seq) - (other.first_seq ?? other.seq)),
  };
}

const beginOf = ({ seq, first_seq, time, first_time }: ChatEvent): { first_seq: number; first_time: string } => ({
  first_seq: first_seq ?? seq,
  first_time: first_time ?? time,
});

const isDelta = (event: ChatEvent): event is Delta => event.kind === 'text' || event.kind === 'thought';

function continues(newer: Delta, older: Delta): boolean {
  return newer.kind === older.kind && newer.block === older.block && newer.turn === older.turn;
}

import type { ChatEventBody } from '@greenroom/sdk/chat';
import type { Masker } from '../../masking/masker.ts';
import type { Transcript } from '../transcript.ts';
import type { TurnPlace } from './ports.ts';
import { clean, shorten } from './text.ts';
import type { ToolEvent } from './tool.ts';

/** Words that come in within this time become one event. */
const GATHER_MS = 50;
/** A tool's growing output is written anew at most so often, and the longer the seldomer: 16 KB a second. */
const LEAST_OUTPUT_MS = 100;
const OUTPUT_BYTES_PER_MS = 16;
/** All that a turn may write; afterwards only what is short is. */
const TURN_BYTES = 64 * 1024 * 1024;

export interface Writer {
  /** Words of the agent; in order with everything else, and never a secret, also when it comes in pieces. */
  say(kind: 'text' | 'thought', text: string, message?: string | null): void;
  /** What a tool call shows. Output alone may wait for a moment; the last one is never lost. */
  tool(event: ToolEvent): void;
  /** Anything else, at once. With `breaks` the agent's next words begin a new block. */
  put(body: ChatEventBody, options?: { breaks: boolean }): void;
  notice(level: 'info' | 'warning' | 'error', text: string): void;
  /** Writes what waits. */
  flush(): void;
}

/** Writes what happens in a turn to the transcript, masked and in order. */
export function createWriter(options: {
  transcript: Transcript;
  place: TurnPlace;
  masker: Masker;
  /** The transcript cannot be written, such as on a full disk: whoever listens ends the turn. */
  onBroken: (error: unknown) => void;
}): Writer {
  const { transcript, place, masker, onBroken } = options;
  let words: { kind: 'text' | 'thought'; block: string; message: string; text: string } | null = null;
  let blocks = 0;
  let gathering: NodeJS.Timeout | undefined;
  const outputs = new Map<string, { event: ToolEvent; timer: NodeJS.Timeout }>();
  const writtenAt = new Map<string, { at: number; pauseMs: number }>();
  let bytes = 0;
  let full = false;

  const append = (body: ChatEventBody): void => {
    try {
      transcript.append(place, masker.deep(body));
    } catch (error) {
      // Thrown into a timer or the protocol's library it would be lost, and the turn would go on unseen.
      onBroken(error);
    }
  };
  /** Whether there is room for something long. Says once when there is none any more. */
  const room = (size: number): boolean => {
    bytes += size;
    if (bytes <= TURN_BYTES) return true;
    if (!full)
      append({ kind: 'notice', level: 'warning', text: 'This turn has said so much that the rest of its words and output is left out.' });
    full = true;
    return false;
  };
  const writeWords = (all: boolean): void => {
    if (!words) return;
    const held = all ? 0 : masker.doubtful(words.text);
    const delta = words.text.slice(0, words.text.length - held);
    words.text = words.text.slice(words.text.length - held);
    if (delta !== '' && room(delta.length)) append({ kind: words.kind, block: words.block, delta });
  };
  const gather = (): void => {
    gathering ??= setTimeout(() => {
      gathering = undefined;
      writeWords(false);
    }, GATHER_MS);
  };
  const endWords = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    writeWords(true);
  };
  const writeTool = (event: ToolEvent): void => {
    const waiting = outputs.get(event.call);
    clearTimeout(waiting?.timer);
    outputs.delete(event.call);
    const whole: ToolEvent = { ...waiting?.event, ...event };
    const size = JSON.stringify(whole).length;
    const { content, input, ...rest } = whole;
    append(size < 1_000 || room(size) ? whole : rest);
    if (content) writtenAt.set(event.call, { at: performance.now(), pauseMs: LEAST_OUTPUT_MS + size / OUTPUT_BYTES_PER_MS });
  };

  return {
    say(kind, text, message) {
      const said = clean(shorten(text).text);
      if (said === '') return;
      const id = message ?? '';
      if (words?.kind !== kind || (id !== '' && words.message !== '' && id !== words.message)) {
        endWords();
        blocks += 1;
        words = { kind, block: `${place.turn}-${blocks}`, message: id, text: '' };
      }
      words.message = id || words.message;
      words.text += said;
      gather();
    },
    tool(event) {
      endWords();
      words = null;
      const last = writtenAt.get(event.call);
      const wait = last ? last.at + last.pauseMs - performance.now() : 0;
      const outputOnly = event.content !== undefined && event.status === undefined && event.title === undefined;
      if (!outputOnly || wait <= 0) {
        writeTool(event);
        return;
      }
      const waiting = outputs.get(event.call);
      const timer = waiting?.timer ?? setTimeout(() => writeTool(outputs.get(event.call)?.event ?? event), wait);
      outputs.set(event.call, { event: { ...waiting?.event, ...event }, timer });
    },
    put(body, { breaks } = { breaks: false }) {
      endWords();
      if (breaks) words = null;
      append(body);
    },
    notice(level, text) {
      endWords();
      append({ kind: 'notice', level, text });
    },
    flush() {
      endWords();
      for (const { event } of [...outputs.values()]) writeTool(event);
    },
  };
}

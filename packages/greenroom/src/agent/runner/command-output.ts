import type { ToolContent } from '@greenroom/sdk/chat';
import { takeMarks } from '../acp/shorten.ts';
import { clean, KEPT_BYTES, shorten } from './text.ts';

/**
 * What a command of the agent's printed, where the agent tells it in pieces beside the protocol's own fields: codex-acp and pi-acp do, in `_meta`,
 * because the protocol has output only for terminals that the client runs.
 */
export interface CommandOutput {
  add(meta: unknown): void;
  /**
   * All of it as it is to be shown, without the middle when it is long; null when there is none, or too little is new to say it all again: until the
   * command is over it is shown each time it has doubled.
   */
  show(over: boolean): ToolContent | null;
}

/** Names below `_meta` of an object whose `data` is a further piece. */
const PIECES = ['terminal_output', 'terminal_output_delta'];

export function createCommandOutput(): CommandOutput {
  let head = '';
  let tail = '';
  let omitted = 0;
  let length = 0;
  let shownAt = 0;

  const append = (piece: string): void => {
    length += piece.length;
    const first = piece.slice(0, KEPT_BYTES - head.length);
    head += first;
    tail += piece.slice(first.length);
    if (tail.length <= 2 * KEPT_BYTES) return;
    omitted += Buffer.byteLength(tail.slice(0, -KEPT_BYTES));
    tail = tail.slice(-KEPT_BYTES);
  };

  return {
    add(meta) {
      for (const name of PIECES) {
        const data = member(member(meta, name), 'data');
        if (typeof data !== 'string') continue;
        const marks = takeMarks(data);
        append(marks.head + marks.tail);
        omitted += marks.omitted;
      }
    },
    show(over) {
      if (length === shownAt || (!over && length < 2 * shownAt)) return null;
      shownAt = length;
      if (omitted === 0) return { type: 'text', ...shorten(head + tail) };
      return { type: 'text', text: `${clean(head)}\n…\n${clean(tail)}`, omitted };
    },
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

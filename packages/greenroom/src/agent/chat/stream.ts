import type { ChatEvent, ChatState } from '@greenroom/sdk/chat';
import type { Changes } from '../../changes.ts';
import type { Transcript } from '../transcript.ts';

/** A comment now and then, so that nothing on the way takes the connection for dead. */
const HEARTBEAT_MS = 15_000;
/** Read at once: about all that a stream ever holds in memory, however slowly its reader takes it. */
const EVENTS_AT_ONCE = 50;
const CHARACTERS_AT_ONCE = 128 * 1024;
const RETRY_MS = 1_000;

export interface StreamOptions {
  transcript: Pick<Transcript, 'eventsAfter' | 'conversation'>;
  conversation: string;
  /** Sequence number of the last event that the reader has. */
  after: number;
  changes: Changes;
  state(): ChatState;
  /** Asked every 15 seconds, however busy the stream is: false ends it. */
  mayStay(): Promise<boolean>;
  ended(): void;
  log(message: string): void;
  heartbeatMs?: number;
}

/**
 * Server-sent events of a conversation: what is in the transcript after a sequence number, then what comes, each once and in order. Nothing is
 * read ahead of the reader. It ends when the service does or when the conversation is gone, and the browser comes back with `Last-Event-ID`.
 */
export function eventStream(options: StreamOptions): ReadableStream<Uint8Array> {
  const { transcript, conversation, changes, heartbeatMs = HEARTBEAT_MS } = options;
  const encoder = new TextEncoder();
  let last = options.after;
  let limit = EVENTS_AT_ONCE;
  let shown = '';
  let checkedAt = performance.now();
  let cancelled = false;
  let pending = `retry: ${RETRY_MS}\n\n`;

  async function next(): Promise<string | null> {
    for (;;) {
      const version = changes.version();
      if (cancelled || changes.closed()) return null;
      if (performance.now() - checkedAt >= heartbeatMs) {
        if (!(await options.mayStay())) return null;
        checkedAt = performance.now();
      }
      let text = pending;
      pending = '';
      const state = JSON.stringify(options.state());
      if (state !== shown) text += `event: state\ndata: ${state}\n\n`;
      shown = state;
      const events = transcript.eventsAfter(conversation, last, limit);
      for (const event of events) text += eventText(event);
      last = events.at(-1)?.seq ?? last;
      // Large ones are followed by large ones.
      limit = Math.max(1, Math.min(EVENTS_AT_ONCE, Math.floor((CHARACTERS_AT_ONCE * events.length) / text.length) || EVENTS_AT_ONCE));
      if (text !== '') return text;
      if (transcript.conversation(conversation) === null) return null;
      const before = performance.now();
      await changes.after(version, heartbeatMs);
      if (performance.now() - before < heartbeatMs || changes.closed()) continue;
      pending = ': still here\n\n';
    }
  }

  /** A transcript that cannot be read ends the stream as well: the browser comes back and finds out. */
  async function nextOrEnd(): Promise<string | null> {
    try {
      return await next();
    } catch (error) {
      options.log(`A stream ended early: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const text = await nextOrEnd();
        if (cancelled) return;
        if (text !== null) return controller.enqueue(encoder.encode(text));
        options.ended();
        controller.close();
      },
      cancel() {
        cancelled = true;
        options.ended();
      },
    },
    { highWaterMark: 0 },
  );
}

function eventText(event: ChatEvent): string {
  return `id: ${event.seq}\nevent: chat\ndata: ${JSON.stringify(event)}\n\n`;
}

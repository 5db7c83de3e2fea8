/** Follows a conversation for as long as the page lives: connects again after every break, from the last event that was taken. */
import type { ChatEvent, ChatRefusal, ChatState } from '@greenroom/sdk/chat';
import { type Api, isTemporary } from './api.ts';
import { createEventReader } from './sse.ts';

export type Connection = 'connecting' | 'live' | 'offline';

export interface StreamListener {
  /** Sequence number of the newest event that was taken. */
  newest(): number;
  event(event: ChatEvent): void;
  state(state: ChatState): void;
  connection(connection: Connection): void;
  /** It will not be tried again: logged out, or the conversation is gone. */
  refused(status: number, refusal: ChatRefusal): void;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 15_000;
/** The service writes at least a comment every 15 s; a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000;
/** A break shorter than this is nobody's concern. */
const OFFLINE_AFTER_ATTEMPTS = 2;

export function followConversation(api: Api, conversation: string, listener: StreamListener): { close(): void; retry(): void } {
  const ended = new AbortController();
  let wake: () => void = () => undefined;
  let failures = 0;
  const retry = (): void => wake();
  window.addEventListener('online', retry, { signal: ended.signal });
  void run();
  return {
    close() {
      ended.abort();
      wake();
    },
    retry,
  };

  async function run(): Promise<void> {
    while (!ended.signal.aborted) {
      if (failures === 0) listener.connection('connecting');
      const connection = new AbortController();
      const stop = (): void => connection.abort();
      ended.signal.addEventListener('abort', stop);
      const answer = await api.stream(conversation, listener.newest(), connection.signal);
      if (ended.signal.aborted) return;
      if (answer.ok) await read(answer.value, connection);
      else if (!isTemporary(answer)) return listener.refused(answer.status, answer.refusal);
      ended.signal.removeEventListener('abort', stop);
      if (ended.signal.aborted) return;
      failures += 1;
      if (failures >= OFFLINE_AFTER_ATTEMPTS || !navigator.onLine) listener.connection('offline');
      await pause(delay(failures));
    }
  }

  /** Until the stream breaks. */
  async function read(body: ReadableStream<Uint8Array>, connection: AbortController): Promise<void> {
    const take = createEventReader((event) => {
      if (event.event === 'chat') listener.event(JSON.parse(event.data) as ChatEvent);
      else if (event.event === 'state') listener.state(JSON.parse(event.data) as ChatState);
    });
    const text = new TextDecoder();
    const reader = body.getReader();
    let silence: ReturnType<typeof setTimeout> | undefined;
    const watch = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => connection.abort(), SILENCE_MS);
    };
    try {
      watch();
      failures = 0;
      listener.connection('live');
      for (;;) {
        const { done, value } = await reader.read();
        if (done || ended.signal.aborted) return;
        watch();
        take(text.decode(value, { stream: true }));
      }
    } catch (error) {
      // A broken connection ends the reading by an exception; whatever else it was is worth a line for whoever looks.
      if (!(error instanceof TypeError || error instanceof DOMException))
        console.error('greenroom-chat: the stream could not be read', error);
    } finally {
      clearTimeout(silence);
      connection.abort();
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}

/** Doubles with every failure; half of it by chance, so that a restarted service is not met by all pages at once. */
function delay(failures: number): number {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return longest / 2 + (Math.random() * longest) / 2;
}

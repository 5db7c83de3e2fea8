/** Follows a stream of events for as long as the page lives: connects again after every break. */
import { type Answer, isTemporary, type Refusal } from './answer.ts';
import { createEventReader, type ServerEvent } from './sse.ts';

export type Connection = 'connecting' | 'live' | 'offline';

export interface FollowListener<R extends Refusal = Refusal> {
  /** Opens the stream, from where the last one broke. */
  open(signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>, R>>;
  event(event: ServerEvent): void;
  /** How long nobody may see the page before its connection is given back. */
  hiddenMs?: number;
  connection(connection: Connection): void;
  /** It will not be tried again. */
  refused(status: number, refusal: R): void;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 15_000;
/** The service writes at least a comment every 15 s; a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000;
/** A break shorter than this is nobody's concern. */
const OFFLINE_AFTER_ATTEMPTS = 2;
/** A tab that nobody sees gives its connection back: over HTTP/1.1 a browser has six for all tabs of a site. */
const DEFAULT_HIDDEN_MS = 60_000;

export function followStream<R extends Refusal>(listener: FollowListener<R>): { close(): void; retry(): void } {
  const ended = new AbortController();
  let wake: () => void = () => undefined;
  let failures = 0;
  let asleep = false;
  let connection = new AbortController();
  let hidden: ReturnType<typeof setTimeout> | undefined;
  const retry = (): void => wake();
  window.addEventListener('online', retry, { signal: ended.signal });
  document.addEventListener('visibilitychange', noticeVisibility, { signal: ended.signal });
  void run();
  return {
    close() {
      ended.abort();
      connection.abort();
      clearTimeout(hidden);
      wake();
    },
    retry,
  };

  async function run(): Promise<void> {
    while (!ended.signal.aborted) {
      if (asleep) {
        await pause();
        failures = 0;
        continue;
      }
      if (failures === 0) listener.connection('connecting');
      connection = new AbortController();
      const patience = setTimeout(connection.abort.bind(connection), SILENCE_MS);
      const answer = await listener.open(connection.signal);
      clearTimeout(patience);
      if (ended.signal.aborted) return;
      if (answer.ok) await read(answer.value);
      else if (!isTemporary(answer)) return listener.refused(answer.status, answer.refusal);
      if (ended.signal.aborted) return;
      if (asleep) continue;
      failures += 1;
      if (failures >= OFFLINE_AFTER_ATTEMPTS || !navigator.onLine) listener.connection('offline');
      await pause(delay(failures));
    }
  }

  /** Until the stream breaks. */
  async function read(body: ReadableStream<Uint8Array>): Promise<void> {
    const { signal } = connection;
    const abort = connection.abort.bind(connection);
    const take = createEventReader((event) => listener.event(event));
    const text = new TextDecoder();
    const reader = body.getReader();
    let silence: ReturnType<typeof setTimeout> | undefined;
    const watch = (): void => {
      clearTimeout(silence);
      silence = setTimeout(abort, SILENCE_MS);
    };
    try {
      watch();
      failures = 0;
      listener.connection('live');
      for (;;) {
        const { done, value } = await reader.read();
        if (done || signal.aborted) return;
        watch();
        take(text.decode(value, { stream: true }));
      }
    } catch (error) {
      // A broken connection ends the reading by an exception; whatever else it was is worth a line for whoever looks.
      if (!(error instanceof TypeError || error instanceof DOMException)) console.error('greenroom: the stream could not be read', error);
    } finally {
      clearTimeout(silence);
      abort();
    }
  }

  function noticeVisibility(): void {
    clearTimeout(hidden);
    if (document.hidden) {
      hidden = setTimeout(() => {
        asleep = true;
        connection.abort();
      }, listener.hiddenMs ?? DEFAULT_HIDDEN_MS);
    } else if (asleep) {
      asleep = false;
      wake();
    }
  }

  /** Until the time is over, or until it is woken. */
  function pause(ms?: number): Promise<void> {
    return new Promise((done) => {
      const timer = ms === undefined ? undefined : setTimeout(done, ms);
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

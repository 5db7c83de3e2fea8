import type { Message, Store } from './store.ts';

/** How often the database is asked for messages while somebody listens. Another instance may have written them, so asking is the simple way. */
const POLL_MS = 250;

export interface Live {
  /** Calls back with each message after the id, until the answered function is called. */
  subscribe(after: number, listener: Listener): () => void;
  /** Tells all listeners to end their streams; new ones end at once. */
  end(): void;
}

export interface Listener {
  message(message: Message): void;
  end(): void;
}

/** New messages for those who watch. Polls only while somebody does. */
export function liveMessages(store: Store): Live {
  const seen = new Map<Listener, number>();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const poll = (): void => {
    for (const [listener, last] of seen) {
      for (const message of store.after(last)) {
        seen.set(listener, message.id);
        listener.message(message);
      }
    }
  };

  return {
    subscribe(after, listener) {
      if (ended) {
        listener.end();
        return () => undefined;
      }
      seen.set(listener, after);
      timer ??= setInterval(poll, POLL_MS);
      return () => {
        seen.delete(listener);
        if (seen.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    end() {
      ended = true;
      clearInterval(timer);
      for (const listener of [...seen.keys()]) listener.end();
      seen.clear();
    },
  };
}

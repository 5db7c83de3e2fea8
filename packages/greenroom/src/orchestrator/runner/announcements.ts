import type { EventMessage } from '@greenroom/sdk/wire';

/** Messages kept for readers that come back. */
export const ANNOUNCEMENTS_KEPT = 2_000;

export interface Announcements {
  /** Messages are rendered at once: attempts change afterwards. */
  add(message: EventMessage): void;
  /** Every kept message after `seq` first, then each new one; answers a function that unsubscribes. Without `seq` only new ones. */
  follow(seq: number | undefined, listener: (seq: number, type: string, data: string) => void): () => void;
}

export function createAnnouncements(): Announcements {
  const kept: { seq: number; type: string; data: string }[] = [];
  const listeners = new Set<(seq: number, type: string, data: string) => void>();
  return {
    add(message) {
      const rendered = { seq: message.seq, type: message.type, data: JSON.stringify(message) };
      kept.push(rendered);
      if (kept.length > ANNOUNCEMENTS_KEPT) kept.shift();
      for (const listener of listeners) listener(rendered.seq, rendered.type, rendered.data);
    },
    follow(seq, listener) {
      if (seq !== undefined) for (const it of kept) if (it.seq > seq) listener(it.seq, it.type, it.data);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The streams of events that are open, so that an app that ends can end them cleanly: their clients connect again, to the next instance. */
export interface Streams {
  /** Answers a function that takes the stream off the list. */
  add(end: () => void): () => void;
  /** Ends every stream. */
  close(): void;
  closed(): boolean;
}

export function createStreams(): Streams {
  const open = new Set<() => void>();
  let closed = false;
  return {
    add(end) {
      open.add(end);
      return () => open.delete(end);
    },
    close() {
      closed = true;
      for (const end of open) end();
      open.clear();
    },
    closed: () => closed,
  };
}

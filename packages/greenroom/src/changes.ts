/** Tells those who wait that something changed, so that nobody looks in vain and nobody misses anything. */
export interface Changes {
  /** Goes up with every change. Read it before looking, then wait for a later one. */
  version(): number;
  changed(): void;
  /** Resolves when there is a version after `seen`, when the time is over, and when it is closed. */
  after(seen: number, timeoutMs: number): Promise<void>;
  closed(): boolean;
  /** Whoever waits goes on, and waits no more. */
  close(): void;
}

export function createChanges(): Changes {
  let version = 0;
  let closed = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const resume of waiting) resume();
  };
  return {
    version: () => version,
    changed() {
      version += 1;
      wake();
    },
    after(seen, timeoutMs) {
      if (closed || version > seen) return Promise.resolve();
      return new Promise((resolve) => {
        const resume = (): void => {
          clearTimeout(timer);
          waiting.delete(resume);
          resolve();
        };
        const timer = setTimeout(resume, timeoutMs).unref();
        waiting.add(resume);
      });
    },
    closed: () => closed,
    close() {
      closed = true;
      wake();
    },
  };
}

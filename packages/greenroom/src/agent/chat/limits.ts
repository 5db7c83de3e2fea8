import { createLimiter, type Limiter } from './limiter.ts';

/** Shared by all listeners, so that nobody gets more by coming in another way. */
export interface ChatLimits {
  /** Of an address, before it is known who calls. */
  requests: Limiter;
  /** Of a caller. */
  calls: Limiter;
  messages: Limiter;
  /** Of an address. */
  wrongTokens: Limiter;
  streams: StreamCount;
}

export function createLimits({ messagesPerMinute = 20, requestsPerMinute = 3_000 }: Partial<Record<LimitName, number>> = {}): ChatLimits {
  const minute = (count: number): Limiter => createLimiter({ count, windowMs: 60_000 });
  return {
    requests: minute(requestsPerMinute),
    calls: minute(1_500),
    messages: minute(messagesPerMinute),
    wrongTokens: minute(WRONG_TOKENS),
    streams: countStreams(),
  };
}

const WRONG_TOKENS = 10;

type LimitName = 'messagesPerMinute' | 'requestsPerMinute';

const STREAMS_PER_USER = 30;
const STREAMS_IN_ALL = 500;

interface StreamCount {
  /** False when there are too many already. */
  begin(user: string): boolean;
  /** Counts one down, the first time it is called. */
  once(user: string): () => void;
}

function countStreams(): StreamCount {
  const open = new Map<string, number>();
  let total = 0;
  return {
    begin(user) {
      const its = open.get(user) ?? 0;
      if (its >= STREAMS_PER_USER || total >= STREAMS_IN_ALL) return false;
      open.set(user, its + 1);
      total += 1;
      return true;
    },
    once(user) {
      let counted = true;
      return () => {
        if (!counted) return;
        counted = false;
        total -= 1;
        const its = (open.get(user) ?? 1) - 1;
        if (its === 0) open.delete(user);
        else open.set(user, its);
      };
    },
  };
}

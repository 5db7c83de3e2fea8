import type { ProxyTarget } from '@greenroom/sdk/proxy';
import { countAnswer, type InstanceCounts, observe } from './counts.ts';
import type { Flight } from './data-path.ts';

interface Stream {
  close: () => void;
  /** Whether a drain has asked it to close. */
  asked: boolean;
}

/** What is in flight to one instance of an app. */
export interface InstanceTraffic {
  readonly instance: string;
  target: ProxyTarget;
  requests(): number;
  streams(): number;
  begin(): Flight;
  /** Asks every stream that was not asked yet to close. */
  closeStreams(): void;
  /** Streams that a drain closed, so far, ever: with a proper end, and cut off because they could not be. */
  closed(): { clean: number; cut: number };
  /** Calls back after each change of the counts, and on `notify`; answers a function that unsubscribes. */
  onChange(listener: () => void): () => void;
  /** Tells listeners that the route moved. */
  notify(): void;
}

/** What passes is added to `counts`, which outlive this. */
export function createInstanceTraffic(target: ProxyTarget, counts: InstanceCounts): InstanceTraffic {
  const listeners = new Set<() => void>();
  const streams = new Set<Stream>();
  const closed = { clean: 0, cut: 0 };
  let requests = 0;
  const notify = (): void => {
    for (const listener of [...listeners]) listener();
  };

  function begin(): Flight {
    let stream: Stream | null = null;
    let over = false;
    let answered = false;
    const began = performance.now();
    requests += 1;
    return {
      answered(status) {
        if (over || answered) return;
        answered = true;
        countAnswer(counts, status);
        observe(counts.first_byte, performance.now() - began);
      },
      stream(close) {
        if (over || stream) return;
        stream = { close, asked: false };
        requests -= 1;
        streams.add(stream);
        notify();
      },
      end(clean) {
        if (over) return;
        over = true;
        if (stream) streams.delete(stream);
        else requests -= 1;
        if (!answered) counts.unanswered += 1;
        else if (!clean) counts.cut += 1;
        else if (!stream) observe(counts.duration, performance.now() - began);
        if (stream?.asked) closed[clean ? 'clean' : 'cut'] += 1;
        notify();
      },
    };
  }

  return {
    instance: target.instance,
    target,
    requests: () => requests,
    streams: () => streams.size,
    begin,
    closeStreams() {
      for (const stream of [...streams].filter((each) => !each.asked)) {
        stream.asked = true;
        stream.close();
      }
    },
    closed: () => ({ ...closed }),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    notify,
  };
}

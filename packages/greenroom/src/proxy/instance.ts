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
  return new Traffic(target, counts);
}

/** An object with its state for each request, and none of its functions: there are tens of thousands a second. */
class Traffic implements InstanceTraffic {
  readonly instance: string;
  target: ProxyTarget;
  readonly counts: InstanceCounts;
  readonly #listeners = new Set<() => void>();
  readonly #streams = new Set<Stream>();
  readonly #closed = { clean: 0, cut: 0 };
  #requests = 0;

  constructor(target: ProxyTarget, counts: InstanceCounts) {
    this.instance = target.instance;
    this.target = target;
    this.counts = counts;
  }

  requests(): number {
    return this.#requests;
  }

  streams(): number {
    return this.#streams.size;
  }

  begin(): Flight {
    this.#requests += 1;
    return new InFlight(this);
  }

  closeStreams(): void {
    for (const stream of [...this.#streams].filter((each) => !each.asked)) {
      stream.asked = true;
      stream.close();
    }
  }

  closed(): { clean: number; cut: number } {
    return { ...this.#closed };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }

  becameStream(stream: Stream): void {
    this.#requests -= 1;
    this.#streams.add(stream);
    this.notify();
  }

  ended(stream: Stream | null, clean: boolean): void {
    if (stream) this.#streams.delete(stream);
    else this.#requests -= 1;
    if (stream?.asked) this.#closed[clean ? 'clean' : 'cut'] += 1;
    this.notify();
  }
}

class InFlight implements Flight {
  readonly #traffic: Traffic;
  readonly #began = performance.now();
  #stream: Stream | null = null;
  #answered = false;
  #over = false;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  answered(status: number): void {
    if (this.#over || this.#answered) return;
    this.#answered = true;
    const { counts } = this.#traffic;
    countAnswer(counts, status);
    observe(counts.first_byte, performance.now() - this.#began);
  }

  stream(close: () => void): void {
    if (this.#over || this.#stream) return;
    this.#stream = { close, asked: false };
    this.#traffic.becameStream(this.#stream);
  }

  end(clean: boolean): void {
    if (this.#over) return;
    this.#over = true;
    const { counts } = this.#traffic;
    if (!this.#answered) counts.unanswered += 1;
    else if (!clean) counts.cut += 1;
    else if (!this.#stream) observe(counts.duration, performance.now() - this.#began);
    this.#traffic.ended(this.#stream, clean);
  }
}

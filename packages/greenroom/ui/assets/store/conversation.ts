/** One open conversation: its timeline, its stream, and the messages on their way to it. */
import type { ChatEvent, ChatRefusal, ChatState } from '@greenroom/sdk/chat';
import { type Api, isTemporary } from '../api.ts';
import type { Memory } from '../memory.ts';
import { type Connection, followConversation } from '../stream.ts';
import { createTimeline, type Timeline } from '../timeline.ts';
import { type Outbox, openOutbox } from './outbox.ts';

export interface OpenConversation {
  readonly id: string;
  readonly timeline: Timeline;
  readonly outbox: Outbox;
  readonly connection: Connection;
  /** Whether the first page is there. */
  readonly loaded: boolean;
  readonly loadingOlder: boolean;
  loadOlder(): void;
  /** Forgets old items while nobody looks at them. */
  tidy(): void;
  reconnect(): void;
  close(): void;
}

export interface ConversationListener {
  changed(): void;
  events(events: ChatEvent[], timeline: Timeline): void;
  state(state: ChatState): void;
  refused(status: number, refusal: ChatRefusal): void;
}

/** Drawing is windowed; this bounds the memory of a page that stays open for days. */
const MOST_ITEMS = 3_000;
const RETRY_MS = 2_000;

export function openConversation(api: Api, id: string, memory: Memory, listener: ConversationListener): OpenConversation {
  const timeline = createTimeline();
  const outbox = openOutbox(api, id, memory, () => listener.changed());
  let connection: Connection = 'connecting';
  let loaded = false;
  let loadingOlder = false;
  let closed = false;
  let stream: { close(): void; retry(): void } | undefined;
  let arrived: ChatEvent[] = [];
  let newest = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  void start();

  async function start(): Promise<void> {
    const answer = await api.page(id);
    if (closed) return;
    if (!answer.ok) {
      if (!isTemporary(answer)) return listener.refused(answer.status, answer.refusal);
      connection = 'offline';
      listener.changed();
      timer = setTimeout(() => void start(), RETRY_MS);
      return;
    }
    timeline.prepend(answer.value);
    newest = timeline.newest;
    loaded = true;
    outbox.arrived((message) => timeline.has(`message:${message}`));
    listener.changed();
    stream = followConversation(api, id, {
      newest: () => newest,
      event(event) {
        if (event.seq <= newest) return;
        newest = event.seq;
        if (arrived.push(event) === 1) soon(take);
      },
      state: (state) => listener.state(state),
      connection(now) {
        if (now === 'live' && connection !== 'live') outbox.retry();
        connection = now;
        listener.changed();
      },
      refused: (status, refusal) => listener.refused(status, refusal),
    });
  }

  /** Once per frame, whatever the number of events. */
  function take(): void {
    if (closed) return;
    const events = timeline.append(arrived);
    arrived = [];
    outbox.arrived((message) => timeline.has(`message:${message}`));
    listener.events(events, timeline);
    listener.changed();
  }

  return {
    id,
    timeline,
    outbox,
    get connection() {
      return connection;
    },
    get loaded() {
      return loaded;
    },
    get loadingOlder() {
      return loadingOlder;
    },
    loadOlder() {
      if (loadingOlder || !timeline.more || !loaded) return;
      loadingOlder = true;
      listener.changed();
      void api.page(id, timeline.oldest).then((answer) => {
        if (closed) return;
        if (answer.ok) timeline.prepend(answer.value);
        else if (!isTemporary(answer)) listener.refused(answer.status, answer.refusal);
        // A network that fails is tried again by the next scroll, not at once.
        loadingOlder = false;
        listener.changed();
      });
    },
    tidy() {
      if (timeline.size > MOST_ITEMS * 1.2 && !loadingOlder) timeline.trim(MOST_ITEMS);
    },
    reconnect() {
      stream?.retry();
      outbox.retry();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      stream?.close();
      outbox.close();
    },
  };
}

/** Hidden pages draw no frames. */
function soon(work: () => void): void {
  if (document.hidden) setTimeout(work, 100);
  else requestAnimationFrame(work);
}

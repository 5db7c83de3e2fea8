/** Everything that one `<greenroom-chat>` knows, and all that can be done in it. Views read it and call it; `subscribe` says when to draw again. */
import type { ChatConversation, ChatEvent, ChatRefusal, ChatSession, ChatState } from '@greenroom/sdk/chat';
import { type Answer, type Api, isTemporary } from '../api.ts';
import type { Memory } from '../memory.ts';
import { cut, inertLine } from '../text.ts';
import type { Timeline } from '../timeline.ts';
import { announcementOf } from './announce.ts';
import { type OpenConversation, openConversation } from './conversation.ts';

export type Phase =
  | { name: 'loading' }
  | { name: 'unreachable' }
  | { name: 'login' | 'refused'; refusal: ChatRefusal }
  | { name: 'ready'; session: ChatSession };

export interface Store {
  readonly phase: Phase;
  readonly conversations: readonly ChatConversation[];
  /** Null: a new conversation that has no message yet. */
  readonly open: OpenConversation | null;
  readonly state: ChatState | null;
  /** Another version of the app is live than when this page was loaded. */
  readonly newVersion: boolean;
  /** What went wrong with the last action, as a sentence. */
  readonly problem: string;
  /** For screen readers. */
  readonly announcement: string;
  draft: string;
  subscribe(listener: () => void): () => void;
  start(): void;
  stop(): void;
  login(token: string): Promise<string>;
  logout(): void;
  /** Empty: a new one. */
  select(conversation: string): void;
  rename(conversation: string, title: string): void;
  remove(conversation: string): void;
  send(text: string): void;
  /** Runs one of the calls of `api` and shows its refusal. */
  act(call: (api: Api) => Promise<Answer<unknown>>): Promise<boolean>;
  dismiss(): void;
}

const RETRY_MS = 2_000;
const TITLE_LENGTH = 80;

export function createStore(api: Api, memory: Memory, options: { conversation: string }): Store {
  const listeners = new Set<() => void>();
  let phase: Phase = { name: 'loading' };
  let conversations: readonly ChatConversation[] = [];
  let open: OpenConversation | null = null;
  let state: ChatState | null = null;
  let firstCommit = '';
  let newVersion = false;
  let problem = '';
  let announcement = '';
  let stopped = false;
  let creating = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const draftName = (): string => `draft:${open?.id ?? 'new'}`;

  async function begin(): Promise<void> {
    clearTimeout(timer);
    const answer = await api.session();
    if (stopped) return;
    if (!answer.ok) {
      if (isTemporary(answer)) {
        phase = { name: 'unreachable' };
        timer = setTimeout(() => void begin(), RETRY_MS);
      } else {
        phase = { name: answer.refusal.login ? 'login' : 'refused', refusal: answer.refusal };
        open?.close();
        open = null;
      }
      return changed();
    }
    await refresh();
    if (stopped) return;
    phase = { name: 'ready', session: answer.value };
    const wanted = options.conversation || memory.get('conversation');
    const known = conversations.find((one) => one.id === wanted) ?? (wanted === 'new' ? undefined : conversations[0]);
    // A conversation that the attribute names may be older than the list goes back.
    select(options.conversation || (known?.id ?? ''));
  }

  async function refresh(): Promise<void> {
    const answer = await api.conversations();
    if (answer.ok) conversations = answer.value.conversations;
    changed();
  }

  function select(id: string): void {
    if (open?.id === id && id !== '') return;
    open?.close();
    open = null;
    memory.set('conversation', id || 'new');
    if (id !== '')
      open = openConversation(api, id, memory, {
        changed,
        events: heard,
        state: stated,
        refused(status, refusal) {
          open?.close();
          open = null;
          // Logged out: the conversation is opened again by whoever logs in.
          if (status === 401) return void begin();
          problem = refusal.error;
          memory.set('conversation', '');
          void refresh();
        },
      });
    problem = '';
    changed();
  }

  function heard(events: ChatEvent[], timeline: Timeline): void {
    for (const event of events) announcement = announcementOf(event, timeline) || announcement;
    if (events.some((event) => event.kind === 'turn' || event.kind === 'message')) void refresh();
  }

  function stated(now: ChatState): void {
    state = now;
    const live = now.app?.live_commit ?? '';
    if (!firstCommit) firstCommit = live;
    newVersion = live !== '' && live !== firstCommit;
    changed();
  }

  async function act(call: (api: Api) => Promise<Answer<unknown>>): Promise<boolean> {
    const answer = await call(api);
    problem = answer.ok ? '' : answer.refusal.error;
    if (!answer.ok && answer.status === 401) void begin();
    changed();
    return answer.ok;
  }

  /** The first message makes its conversation. Its text stays in the composer until that is there. */
  async function sendFirst(text: string): Promise<void> {
    if (creating) return;
    creating = true;
    const answer = await api.createConversation(cut(inertLine(text), TITLE_LENGTH));
    creating = false;
    if (!answer.ok) {
      problem = answer.refusal.error;
      return changed();
    }
    memory.set('draft:new', '');
    conversations = [answer.value, ...conversations];
    select(answer.value.id);
    open?.outbox.send(text);
  }

  return {
    get phase() {
      return phase;
    },
    get conversations() {
      return conversations;
    },
    get open() {
      return open;
    },
    get state() {
      return state;
    },
    get newVersion() {
      return newVersion;
    },
    get problem() {
      return problem;
    },
    get announcement() {
      return announcement;
    },
    get draft() {
      return memory.get(draftName());
    },
    set draft(text) {
      memory.set(draftName(), text);
      changed();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start() {
      stopped = false;
      void begin();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      open?.close();
      open = null;
    },
    async login(token) {
      const answer = await api.login(token);
      if (!answer.ok) return answer.refusal.error;
      await begin();
      return '';
    },
    logout() {
      void act(() => api.logout()).then(() => {
        open?.close();
        open = null;
        conversations = [];
        return begin();
      });
    },
    select,
    rename(id, title) {
      void act(() => api.renameConversation(id, title)).then(refresh);
    },
    remove(id) {
      void act(() => api.deleteConversation(id)).then(async (gone) => {
        await refresh();
        if (gone && open?.id === id) select(conversations[0]?.id ?? '');
      });
    },
    send(text) {
      if (!open) return void sendFirst(text);
      memory.set(draftName(), '');
      open.outbox.send(text);
      changed();
    },
    act,
    dismiss() {
      problem = '';
      changed();
    },
  };
}

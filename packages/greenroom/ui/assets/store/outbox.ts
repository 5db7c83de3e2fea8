/**
 * Messages on their way. Each is kept in the tab's memory until the service has it, and is sent again under the same id as often as needed: the service
 * takes an id once.
 */
import type { ChatPost } from '@greenroom/sdk/chat';
import { type Api, isTemporary } from '../api.ts';
import type { Memory } from '../memory.ts';

export interface Pending extends ChatPost {
  time: string;
  /** `taken`: the service has it, its event is on the way. */
  state: 'sending' | 'waiting' | 'refused' | 'taken';
  /** Why it was not taken, as a sentence. */
  problem: string;
}

export interface Outbox {
  readonly messages: readonly Pending[];
  send(text: string): void;
  /** Sends what waits or was refused again. */
  retry(id?: string): void;
  drop(id: string): void;
  /** Its event arrived. */
  arrived(has: (id: string) => boolean): void;
  close(): void;
}

const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 15_000;

export function openOutbox(api: Api, conversation: string, memory: Memory, changed: () => void): Outbox {
  const name = `outbox:${conversation}`;
  let messages: Pending[] = read(memory.get(name)).map((post) => ({ ...post, state: 'waiting', problem: '' }));
  let busy = false;
  let closed = false;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function save(): void {
    memory.set(name, messages.length > 0 ? JSON.stringify(messages.map(({ id, text, time }) => ({ id, text, time }))) : '');
    changed();
  }

  function update(id: string, change: Partial<Pending>): void {
    messages = messages.map((message) => (message.id === id ? { ...message, ...change } : message));
    save();
  }

  /** One after the other, in the order in which they were written. */
  async function work(): Promise<void> {
    clearTimeout(timer);
    if (busy || closed) return;
    busy = true;
    for (let next = waiting(); next && !closed; next = waiting()) {
      update(next.id, { state: 'sending', problem: '' });
      const answer = await api.post(conversation, { id: next.id, text: next.text });
      if (answer.ok) {
        failures = 0;
        update(next.id, { state: 'taken' });
      } else if (isTemporary(answer)) {
        failures += 1;
        update(next.id, { state: 'waiting', problem: answer.refusal.error });
        timer = setTimeout(() => void work(), Math.min(LONGEST_RETRY_MS, RETRY_MS * failures));
        break;
      } else update(next.id, { state: 'refused', problem: answer.refusal.error });
    }
    busy = false;
  }

  const waiting = (): Pending | undefined => messages.find((message) => message.state === 'waiting' || message.state === 'sending');

  void work();
  return {
    get messages() {
      return messages;
    },
    send(text) {
      messages = [...messages, { id: newId(), text, time: new Date().toISOString(), state: 'waiting', problem: '' }];
      save();
      void work();
    },
    retry(id) {
      if (id) update(id, { state: 'waiting' });
      void work();
    },
    drop(id) {
      messages = messages.filter((message) => message.id !== id);
      save();
    },
    arrived(has) {
      if (!messages.some((message) => has(message.id))) return;
      messages = messages.filter((message) => !has(message.id));
      save();
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function read(text: string): (ChatPost & { time: string })[] {
  if (!text) return [];
  try {
    return JSON.parse(text) as (ChatPost & { time: string })[];
  } catch {
    // Cut off or written by something else: there is nothing in it to send.
    return [];
  }
}

/** Also on pages without TLS, where `crypto.randomUUID` is missing. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

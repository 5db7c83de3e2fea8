/** The chat service's HTTP interface (`@greenroom/sdk/chat`) as functions. A refusal is a value, and so is a network that does not answer. */
import type { ChatConversation, ChatPage, ChatPost, ChatPosted, ChatRefusal, ChatSession } from '@greenroom/sdk/chat';
import { type Answer as Answered, answered, CALL_TIMEOUT_MS } from './answer.ts';

export { isTemporary } from './answer.ts';

export type Answer<T> = Answered<T, ChatRefusal>;

export interface Api {
  session(): Promise<Answer<ChatSession>>;
  login(token: string): Promise<Answer<void>>;
  logout(): Promise<Answer<void>>;
  conversations(): Promise<Answer<{ conversations: ChatConversation[] }>>;
  createConversation(title: string): Promise<Answer<ChatConversation>>;
  renameConversation(id: string, title: string): Promise<Answer<ChatConversation>>;
  deleteConversation(id: string): Promise<Answer<void>>;
  /** The newest events, or the newest before a sequence number. */
  page(conversation: string, before?: number): Promise<Answer<ChatPage>>;
  /** The raw answer: its body is the stream. */
  stream(conversation: string, after: number, signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>>>;
  post(conversation: string, post: ChatPost): Promise<Answer<ChatPosted>>;
  cancelTurn(turn: string): Promise<Answer<unknown>>;
  continueTurn(turn: string): Promise<Answer<unknown>>;
  answerPermission(request: string, option: string): Promise<Answer<unknown>>;
  approve(attempt: string): Promise<Answer<unknown>>;
  deny(attempt: string, reason: string): Promise<Answer<unknown>>;
  rollBack(conversation: string): Promise<Answer<unknown>>;
}

const SERVICE = 'The chat service';

/** `endpoint` is the address of the chat path, without a slash at its end. */
export function createApi(endpoint: string): Api {
  const part = encodeURIComponent;
  const call = async <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> => {
    const change = method === 'GET' ? {} : { 'content-type': 'application/json', 'x-greenroom-request': '1' };
    const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const payload = method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) };
    return answered(
      SERVICE,
      () =>
        fetch(`${endpoint}/api${path}`, {
          method,
          headers: { accept: 'application/json', ...change },
          signal,
          credentials: 'same-origin',
          ...payload,
        }),
      async (response) => (response.status === 204 ? undefined : await response.json()) as T,
    );
  };
  return {
    session: () => call('GET', '/session'),
    login: (token) => call('POST', '/login', { token }),
    logout: () => call('POST', '/logout'),
    conversations: () => call('GET', '/conversations'),
    createConversation: (title) => call('POST', '/conversations', { title }),
    renameConversation: (id, title) => call('PATCH', `/conversations/${part(id)}`, { title }),
    deleteConversation: (id) => call('DELETE', `/conversations/${part(id)}`),
    page: (id, before) => call('GET', `/conversations/${part(id)}/events?limit=300${before === undefined ? '' : `&before=${before}`}`),
    stream: (id, after, signal) =>
      answered(
        SERVICE,
        () =>
          fetch(`${endpoint}/api/conversations/${part(id)}/stream?after=${after}`, {
            headers: { accept: 'text/event-stream', 'last-event-id': String(after) },
            cache: 'no-store',
            credentials: 'same-origin',
            signal,
          }),
        async (response) => response.body ?? new ReadableStream<Uint8Array>(),
      ),
    post: (id, post) => call('POST', `/conversations/${part(id)}/messages`, post),
    cancelTurn: (turn) => call('POST', `/turns/${part(turn)}/cancel`),
    continueTurn: (turn) => call('POST', `/turns/${part(turn)}/continue`),
    answerPermission: (request, option) => call('POST', `/permissions/${part(request)}`, { option }),
    approve: (attempt) => call('POST', `/attempts/${part(attempt)}/approve`),
    deny: (attempt, reason) => call('POST', `/attempts/${part(attempt)}/deny`, reason ? { reason } : {}),
    rollBack: (conversation) => call('POST', '/rollback', { conversation }),
  };
}

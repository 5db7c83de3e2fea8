/**
 * The transcript of all conversations of an app: the only thing that chat service, command line and runners share, and the truth about what was
 * said and done. Append-only, numbered, on disk before it is shown to anybody. Any number of processes may use it at the same time.
 */
import type { ChatConversation, ChatEvent, ChatEventBody, ChatPage, ChatPosted, ChatTurn, ChatUser, TurnStatus } from '@greenroom/sdk/chat';
import type { AttemptView } from '@greenroom/sdk/wire';
import type { ProcessIdentity } from '../proc.ts';

export { openTranscript } from './transcript/store.ts';

export interface Turn extends ChatTurn {
  /** The message that began it, whole. */
  message: string;
  runner: ProcessIdentity | null;
  started_at: string;
  finished_at: string;
}

export type FinalStatus = Exclude<TurnStatus, 'queued' | 'running'>;

/** What people ask of a running turn, in order of `id`. */
export type TurnRequest = { id: number } & (
  | { kind: 'cancel'; by: string }
  | { kind: 'permission'; request: string; option: string; by: string }
);

export type NewTurnRequest = TurnRequest extends infer R ? (R extends TurnRequest ? Omit<R, 'id'> : never) : never;

export interface Transcript {
  createConversation(conversation: { title: string; user: ChatUser }): ChatConversation;
  conversation(id: string): ChatConversation | null;
  /** Newest first. */
  conversations(limit?: number): ChatConversation[];
  rename(id: string, title: string): ChatConversation | null;
  /** Removes it with its events and turns, for good; false when there is none, `busy` while one of its turns runs. */
  delete(id: string): boolean | 'busy';
  /** Removes conversations without a running or queued turn whose last event is older than that. Answers how many. */
  prune(before: Date): number;

  /** Appends the message and queues a turn for it, in one transaction. A message id that is known already changes nothing. */
  post(post: { conversation: string; id: string; text: string; user: ChatUser }): ChatPosted & { duplicate: boolean };
  /** What `post` answered for a message id before; null when it is not known. */
  posted(conversation: string, id: string): ChatPosted | null;
  /** Makes the oldest queued turn the running one; null when none waits, or while another one runs. `interrupt` dead ones first. */
  takeTurn(runner: ProcessIdentity): Turn | null;
  turn(id: string): Turn | null;
  running(): Turn | null;
  queued(): Turn[];
  /** Turns of a conversation, oldest first. */
  turns(conversation: string): Turn[];
  /** Ends a turn and appends its last event, once: false when it was not queued or running any more. */
  finish(turn: string, status: FinalStatus, event: { detail: string; uncommitted?: string[] }): boolean;
  /** Cancels a turn that no runner has taken yet: false when one has, or when it is over. */
  withdraw(turn: string, detail: string): boolean;

  /** On disk when it returns. Throws when the conversation is gone. */
  append(place: { conversation: string; turn: string }, body: ChatEventBody): ChatEvent;
  /** Appends an attempt unless that version of it, or a later one, is there: any number of processes may tell of the same attempt. */
  appendAttempt(place: { conversation: string; turn: string }, journalSeq: number, attempt: AttemptView): ChatEvent | null;
  /** Events after a sequence number, oldest first, as they were appended. */
  eventsAfter(conversation: string, seq: number, limit: number): ChatEvent[];
  /** The newest events before a sequence number (all when left out), merged as `ChatPage` says. */
  page(conversation: string, options: { before?: number; limit: number }): ChatPage;

  /** The agent's own id of its session for this conversation, and which agent it belongs to. */
  session(conversation: string): { agent: string; session: string } | null;
  saveSession(conversation: string, session: { agent: string; session: string }): void;

  /** For the runner of the turn, which hears of it by `watch`. */
  request(turn: string, request: NewTurnRequest): void;
  requests(turn: string, after: number): TurnRequest[];

  /** Calls back soon after any process changed anything; also when nothing did, so look. Answers a function that ends it. */
  watch(listener: () => void): () => void;
  close(): void;
}

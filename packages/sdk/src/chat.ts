/**
 * The chat: what a transcript holds and what the chat service speaks. JSON over HTTP below the contract's `agent.chat_path`
 * (`/.greenroom` unless set); fields are snake_case, times RFC 3339 in UTC.
 *
 * | call | answer |
 * |---|---|
 * | `GET /chat.js` | the `<greenroom-chat>` element, a JavaScript module; what it imports lies below `/assets/` |
 * | `GET /` | a page with nothing but the chat |
 * | `GET /api/session` | `ChatSession`; 401 `ChatRefusal` when the caller has to log in |
 * | `POST /api/login` `{token}` | 204 and a cookie, for services that use tokens; `POST /api/logout` ends it |
 * | `GET /api/conversations` | `{conversations: ChatConversation[]}`, newest first |
 * | `POST /api/conversations` `{title?}` | 201 `ChatConversation` |
 * | `PATCH /api/conversations/:id` `{title}`, `DELETE /api/conversations/:id` | `ChatConversation`, 204 |
 * | `GET /api/conversations/:id/events?before=SEQ&limit=N` | `ChatPage`: the newest N (default 300) events before SEQ, or of all |
 * | `GET /api/conversations/:id/stream?after=SEQ` | server-sent events: `event: chat`, `id:` the sequence number, `data:` a `ChatEvent`; `event: state`, without id, a `ChatState`. `Last-Event-ID` wins over `after` |
 * | `POST /api/conversations/:id/messages` `ChatPost` | 202 `ChatPosted`; the same `id` again is answered alike and does nothing |
 * | `POST /api/turns/:id/cancel`, `POST /api/turns/:id/continue` | 202 `{}`; a queued turn is withdrawn. `continue` resumes an interrupted one: 202 `ChatPosted` |
 * | `POST /api/permissions/:request` `{option}` | 202 `{}` |
 * | `POST /api/attempts/:id/approve`, `POST /api/attempts/:id/deny` `{reason?}` | 202 `{}`; needs `can_approve` |
 * | `POST /api/rollback` `{conversation, reason?}` | 202 `{id}`; needs `can_approve` |
 *
 * Every call that changes something is JSON with the header `X-Greenroom-Request: 1`. Refusals are `ChatRefusal` with a 4xx or 5xx status.
 */
import type { AttemptView } from './wire.ts';

export { DEFAULT_CHAT_PATH } from './wire.ts';
export const CHAT_REQUEST_HEADER = 'x-greenroom-request';
/** On the app's own chat socket only: the caller as the app knows it, a `ChatCaller` as JSON in base64url. */
export const CHAT_CALLER_HEADER = 'x-greenroom-caller';

/**
 * How an app finds its agent: the file `greenroom.json` beside the copy of the contract that `GREENROOM_CONTRACT` names. Written by the orchestrator;
 * there is none while the contract has no `agent`.
 */
export interface HandOver {
  version: 1;
  /** Program and first arguments of the command line, absolute: more arguments follow, such as `agent-run --data DIR`. */
  command: string[];
  /** The app's data directory. */
  data: string;
  app: string;
  /** Path on the app's public port below which the chat is served. */
  chat_path: string;
  /** Unix socket of the chat service that trusts the app to name its callers. */
  chat_socket: string;
}

export interface ChatUser {
  /** Stable id; decides whose rate limit counts. */
  id: string;
  /** For people. */
  name: string;
}

/** What the app's `authorize` says of a request; it is refused when that is null. */
export interface ChatCaller {
  user: ChatUser;
  /** May approve deploys, deny them and roll back. */
  approve: boolean;
}

export interface ChatSession {
  user: ChatUser;
  can_approve: boolean;
  app: string;
  /** Name of the coding agent, for people; empty when none was found. */
  agent: string;
  /** The agent follows a fixed script and no model is asked. */
  scripted: boolean;
  /** Deploys of the agent wait for a person's click. */
  approval: boolean;
  /** Whether the caller may log out: a token let them in, not the app. */
  login: boolean;
}

export interface ChatConversation {
  id: string;
  title: string;
  user: ChatUser;
  created_at: string;
  updated_at: string;
  /** Sequence number of the last event; 0 when there is none. */
  last_seq: number;
}

export interface ChatPost {
  /** Chosen by the client, unique: a message that is sent again after a lost answer is taken once. */
  id: string;
  text: string;
}

export interface ChatPosted {
  turn: string;
  /** Of the message's event. */
  seq: number;
}

export interface ChatPage {
  /** Oldest first. Consecutive `text` and `thought` events of a block, and events of one tool call, may come as one, with the `seq` and `time` of the last one, and those of the first as `first_seq` and `first_time`. */
  events: ChatEvent[];
  /** Whether there are older ones: ask with `before` = the first event's `first_seq`, or `seq` where that is absent. */
  more: boolean;
}

/** What is under way, sent at the start of a stream and whenever it changes. */
export interface ChatState {
  /** The turn that runs now, in whatever conversation; null when none does. */
  running: ChatTurn | null;
  /** Turns that wait, in their order. */
  queued: ChatTurn[];
  /** The orchestrator's word on the app; null when it cannot be reached. */
  app: { live_commit: string; healthy: boolean; deploying: string; previous_commit: string; frozen: boolean } | null;
}

/**
 * - `queued`: waits for another turn; `running`
 * - `completed`: the agent ended it; `cancelled`: a person did
 * - `interrupted`: its runner died; what was done is kept and it can be continued
 * - `limited`: it ran into a limit of the contract; `failed`: the agent could not be started or broke off
 */
export type TurnStatus = 'queued' | 'running' | 'completed' | 'cancelled' | 'interrupted' | 'limited' | 'failed';

export interface ChatTurn {
  id: string;
  conversation: string;
  status: TurnStatus;
  user: ChatUser;
  /** First line of the message, at most 200 characters. */
  text: string;
  created_at: string;
}

export type ToolKind = 'read' | 'edit' | 'delete' | 'move' | 'search' | 'execute' | 'think' | 'fetch' | 'switch_mode' | 'other';
export type ToolStatus = 'pending' | 'in_progress' | 'completed' | 'failed';

/** What a tool call shows. Texts are cut; `omitted` is the number of bytes left out of the middle. */
export type ToolContent =
  | { type: 'text'; text: string; omitted?: number }
  /** A unified diff without its header lines; hunks begin with `@@`. */
  | { type: 'diff'; path: string; change: 'added' | 'changed'; diff: string; added: number; removed: number; omitted?: number };

export interface PermissionOption {
  id: string;
  name: string;
  kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always';
}

/** What happened. Later events of the same `block`, `call`, `request`, `turn` or attempt add to or replace what earlier ones said. */
export type ChatEventBody =
  | { kind: 'message'; id: string; text: string; user: ChatUser }
  | {
      kind: 'turn';
      status: TurnStatus;
      /** A sentence; empty when there is nothing to say. */
      detail: string;
      /** With `running`: the agent's name and version, and what it knows of the conversation so far. */
      agent?: string;
      session?: 'new' | 'resumed' | 'summarised';
      /** With a final status: files in the workspace with changes that are not committed. */
      uncommitted?: string[];
    }
  | { kind: 'text' | 'thought'; block: string; delta: string }
  | {
      kind: 'tool';
      call: string;
      title?: string;
      tool?: ToolKind;
      status?: ToolStatus;
      /** What it was called with, as text; cut. */
      input?: string;
      /** Replaces what was shown before. */
      content?: ToolContent[];
      /** Paths relative to the workspace, with lines from 1. */
      locations?: { path: string; line?: number }[];
    }
  | { kind: 'plan'; entries: { text: string; status: 'pending' | 'in_progress' | 'completed' }[] }
  | {
      kind: 'permission';
      request: string;
      call: string;
      title: string;
      options: PermissionOption[];
      status: 'asked' | 'answered' | 'withdrawn';
      /** Id of the chosen option, and by whom: a user's name, or `policy`. */
      option?: string;
      by?: string;
    }
  | { kind: 'commit'; commit: string; subject: string; files: number; added: number; removed: number }
  /** A deploy or rollback as it is now. `journal_seq` orders the versions of one attempt. */
  | { kind: 'attempt'; journal_seq: number; attempt: AttemptView }
  | { kind: 'notice'; level: 'info' | 'warning' | 'error'; text: string };

export type ChatEventKind = ChatEventBody['kind'];

/** One numbered event. `turn` is empty for what belongs to no turn, such as a rollback by a person. */
export type ChatEvent = {
  seq: number;
  first_seq?: number;
  first_time?: string;
  time: string;
  conversation: string;
  turn: string;
} & ChatEventBody;

export const CHAT_ERROR_CODES = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  'too_large',
  'rate_limited',
  'unavailable',
  'internal_error',
] as const;

export interface ChatRefusal {
  code: (typeof CHAT_ERROR_CODES)[number];
  /** A sentence: what happened and what to do. */
  error: string;
  /** With 401: a token can be given to `POST /api/login`. */
  login?: boolean;
}

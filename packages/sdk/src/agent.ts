/**
 * The coding agent, for the app's own code. Node only.
 *
 *     import { startTurn } from '@greenroom/sdk/agent';
 *     await startTurn({ text: 'Update the list of holidays', user: { id: 'cron', name: 'Nightly job' } });
 */
import { randomUUID } from 'node:crypto';
import { encodeCaller } from './agent/caller.ts';
import { findHandOver } from './agent/hand-over.ts';
import { send } from './agent/send.ts';
import { reachService } from './agent/service.ts';
import {
  CHAT_CALLER_HEADER,
  CHAT_REQUEST_HEADER,
  type ChatConversation,
  type ChatPost,
  type ChatPosted,
  type ChatRefusal,
  type ChatUser,
  type HandOver,
} from './chat.ts';

export { readHandOver } from './agent/hand-over.ts';

export interface NewTurn {
  /** What the agent is asked to do. */
  text: string;
  /** In whose name: shown in the chat, and counted by its limits. */
  user: ChatUser;
  /** Id of the conversation to go on with; a new one is begun without. */
  conversation?: string;
  /** Title of a new conversation; the beginning of the text without. */
  title?: string;
  /** Id of the message: a message that is sent again with the same id, to the same conversation, is taken once. */
  id?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

export interface StartedTurn {
  conversation: string;
  turn: string;
}

/** The chat service refused the turn or cannot be reached. The message is a sentence for people. */
export class AgentRefusal extends Error {
  override readonly name = 'AgentRefusal';
  readonly code: ChatRefusal['code'];

  constructor(code: ChatRefusal['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Titles of conversations are lines, not letters. */
const TITLE_LENGTH = 80;

/**
 * Hands the agent a task and answers once it is on disk; the agent works on it on its own, whatever becomes of this process. Starts the chat
 * service when none runs. Throws `AgentRefusal`.
 */
export async function startTurn(turn: NewTurn): Promise<StartedTurn> {
  const { handOver, problem } = findHandOver(turn.env ?? process.env);
  if (!handOver) throw new AgentRefusal('unavailable', problem);
  const message: ChatPost = { id: turn.id ?? randomUUID(), text: turn.text };
  const title = turn.title ?? (turn.text.trim().split('\n')[0] ?? '').slice(0, TITLE_LENGTH);
  const conversation = turn.conversation ?? (await call<ChatConversation>(handOver, turn, 'POST', '', { title })).id;
  const place = `/${encodeURIComponent(conversation)}`;
  try {
    const { turn: id } = await call<ChatPosted>(handOver, turn, 'POST', `${place}/messages`, message);
    return { conversation, turn: id };
  } catch (error) {
    // A refused message leaves no empty conversation behind. One whose fate is unknown stays where it may be.
    if (error instanceof AgentRefusal && error.code !== 'unavailable' && turn.conversation === undefined) {
      await call(handOver, turn, 'DELETE', place, {}).catch((cause: unknown) => cause);
    }
    throw error;
  }
}

/** One call of the chat service's API below `/api/conversations`. */
async function call<Body>(handOver: HandOver, turn: NewTurn, method: 'POST' | 'DELETE', path: string, content: object): Promise<Body> {
  const { user, signal } = turn;
  const reached = await reachService(handOver);
  if (!reached.socket) throw new AgentRefusal('unavailable', reached.problem);
  const body = Buffer.from(JSON.stringify(content));
  let status: number;
  let text = '';
  try {
    const response = await send(reached.socket, {
      method,
      path: `${handOver.chat_path.replace(/\/$/, '')}/api/conversations${path}`,
      headers: {
        host: 'localhost',
        accept: 'application/json',
        'content-type': 'application/json',
        'content-length': body.length,
        [CHAT_REQUEST_HEADER]: '1',
        [CHAT_CALLER_HEADER]: encodeCaller({ user, approve: false }),
      },
      body,
      ...(signal && { signal }),
    });
    status = response.statusCode ?? 0;
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    const error =
      'The chat service went away before it answered. The message may have arrived: look into the chat before it is sent again.';
    throw new AgentRefusal('unavailable', error, { cause });
  }
  const answer = parse(text);
  if (status >= 200 && status < 300 && (answer || status === 204)) return answer as Body;
  const { code, error } = (answer ?? {}) as Partial<ChatRefusal>;
  throw new AgentRefusal(code ?? 'internal_error', error ?? `The chat service answered with ${status}, which is not understood.`);
}

function parse(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

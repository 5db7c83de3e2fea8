import type { ChatSession, ChatState } from '@greenroom/sdk/chat';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Changes } from '../../changes.ts';
import { type Assets, assetResponse } from '../../ui-files.ts';
import type { Transcript } from '../transcript.ts';
import { type Access, type Identified, identify, type Listener } from './access.ts';
import { answerRefusal, type ChatContext, type ChatEnv, type Refused, refused, tooMany } from './answers.ts';
import { addConversationCalls, NO_CONVERSATION } from './conversations.ts';
import { addDecisionCalls, type DecisionCalls } from './decisions.ts';
import { API_HEADERS, addressOf, PAGE_HEADERS, refusedOrigin, refusedRequest } from './guard.ts';
import type { ChatLimits } from './limits.ts';
import { addLoginCalls } from './login.ts';
import { eventStream } from './stream.ts';
import { addTurnCalls } from './turns.ts';

/** More than a message of the largest size takes as JSON, however it is escaped. */
const MAX_BODY_BYTES = 512 * 1024;

export interface ChatAppOptions {
  app: string;
  /** Without a slash at its end. */
  chatPath: string;
  agent: { name: string; scripted: boolean };
  approval: boolean;
  access: Access;
  transcript: Transcript;
  client: DecisionCalls['client'];
  assets: Assets;
  changes: Changes;
  limits: ChatLimits;
  state(): ChatState;
  /** Why no turn may be begun now; null when one may. */
  mayBeginTurn(): { error: string; retryAfterSeconds: number } | null;
  startRunner(): void;
  log(message: string): void;
  heartbeatMs?: number;
}

/** The chat's HTTP interface as one listener serves it. `loopback`: it is a port that pages of other sites can reach by a name of theirs. */
export function createChatApp(options: ChatAppOptions, listener: Listener, loopback: boolean): Hono<ChatEnv> {
  const { app: name, agent, approval, access, transcript, assets, limits, log } = options;
  const api = new Hono<ChatEnv>({ getPath: (request) => pathBelow(options.chatPath, new URL(request.url).pathname) });

  api.use(async (c, next) => {
    await next();
    for (const [header, value] of Object.entries(API_HEADERS)) {
      if (!c.res.headers.has(header)) c.res.headers.set(header, value);
    }
  });

  api.use(async (c, next) => {
    const problem = refusedRequest(c, listener, loopback) ?? tooManyFrom(c);
    if (problem) return answerRefusal(c, problem);
    await next();
    return undefined;
  });

  // The page's links are relative, so that they lead here wherever the chat is mounted.
  api.get(WITHOUT_SLASH, (c) => c.redirect(`./${options.chatPath.split('/').at(-1) ?? ''}/`, 308));
  api.get('/', asset);
  api.get('/chat.js', asset);
  api.get('/assets/*', asset);

  api.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => answerRefusal(c, refused(413, 'too_large', `The body is larger than ${MAX_BODY_BYTES / 1024} KiB.`)),
    }),
  );
  api.use('/api/*', async (c, next) => {
    const problem = refusedOrigin(c);
    if (problem) return answerRefusal(c, problem);
    await next();
    return undefined;
  });
  addLoginCalls(api, { listener, tokens: access.tokens, chatPath: options.chatPath, wrongTokens: limits.wrongTokens });

  api.use('/api/*', async (c, next) => {
    const known = await identifyOnce(c);
    if (!known.ok) return answerRefusal(c, known);
    const seconds = limits.calls.take(known.caller.user.id);
    if (seconds > 0) return answerRefusal(c, tooMany('Too many calls.', seconds));
    c.set('caller', known.caller);
    c.set('byToken', known.byToken);
    await next();
    return undefined;
  });
  api.get('/api/session', (c) => {
    const { user, approve } = c.get('caller');
    const session: ChatSession = {
      user,
      can_approve: approve,
      app: name,
      agent: agent.name,
      scripted: agent.scripted,
      approval,
      login: c.get('byToken'),
    };
    return c.json(session);
  });
  addConversationCalls(api, { ...options, mayPost });
  addTurnCalls(api, { ...options, mayPost });
  addDecisionCalls(api, options);
  api.get('/api/conversations/:id/stream', (c) => stream(c));

  api.notFound((c) =>
    answerRefusal(c, refused(404, 'not_found', `There is no ${c.req.method} ${new URL(c.req.url).pathname} in this chat.`)),
  );
  api.onError((error, c) => {
    if ('errcode' in error) {
      log(`${c.req.method} ${c.req.path}: the transcript cannot be used: ${error.message}`);
      return answerRefusal(
        c,
        refused(503, 'unavailable', `The transcript cannot be used (${error.message}): nothing was done. Try again.`),
      );
    }
    log(`${c.req.method} ${c.req.path} failed: ${error.stack ?? error.message}`);
    return answerRefusal(c, refused(500, 'internal_error', "Something broke in the chat service; the service's log says more."));
  });
  return api;

  function asset(c: ChatContext): Response {
    const found = assets.get(c.req.path);
    if (!found) return answerRefusal(c, refused(404, 'not_found', 'There is no such file.'));
    return assetResponse(found, c.req.raw.headers, PAGE_HEADERS);
  }

  function tooManyFrom(c: ChatContext): Refused | null {
    if (listener === 'app') return null;
    const seconds = limits.requests.take(addressOf(c, listener));
    return seconds > 0 ? tooMany('Too many requests.', seconds) : null;
  }

  /** A token may be guessed here as well as by logging in. With an app to ask, it may be a token of the app's. */
  async function identifyOnce(c: ChatContext): Promise<Identified> {
    const guessable = listener !== 'app' && access.tokens && !access.askApp && c.req.header('authorization') !== undefined;
    const address = addressOf(c, listener);
    const seconds = guessable ? limits.wrongTokens.wait(address) : 0;
    if (seconds > 0) return tooMany('Too many wrong tokens.', seconds);
    const known = await identify(c, listener, access);
    if (guessable && !known.ok) limits.wrongTokens.take(address);
    return known;
  }

  function mayPost(user: string): Refused | null {
    const seconds = limits.messages.take(user);
    if (seconds > 0) return tooMany('That many messages at once are too many.', seconds);
    const limited = options.mayBeginTurn();
    return limited && { ...refused(429, 'rate_limited', limited.error), retryAfterSeconds: limited.retryAfterSeconds };
  }

  function stream(c: ChatContext): Response {
    const conversation = c.req.param('id') ?? '';
    const after = c.req.query('after') ?? '0';
    if (!SEQUENCE_NUMBER.test(after))
      return answerRefusal(c, refused(400, 'invalid_request', '"after" is the sequence number of an event.'));
    // What is no number was not sent by this service, and is as good as none.
    const last = c.req.header('last-event-id') ?? '';
    if (!transcript.conversation(conversation)) return answerRefusal(c, NO_CONVERSATION);
    const { user } = c.get('caller');
    if (c.req.method === 'HEAD') return c.body(null, 200, STREAM_HEADERS);
    if (!limits.streams.begin(user.id)) return answerRefusal(c, tooMany('Too many chats are open at once: close one.', 30));
    const body = eventStream({
      transcript,
      conversation,
      after: Number(SEQUENCE_NUMBER.test(last) ? last : after),
      changes: options.changes,
      state: options.state,
      mayStay: async () => {
        const known = await identify(c, listener, access);
        return known.ok || known.status === 503;
      },
      ended: limits.streams.once(user.id),
      log,
      ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
    });
    return c.body(body, 200, STREAM_HEADERS);
  }
}

const SEQUENCE_NUMBER = /^\d{1,15}$/;
const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

/** No path of a request can be one of these. */
const WITHOUT_SLASH = '/\0without-slash';
const OUTSIDE = '/\0outside';

/** What lies outside of the chat's path is nothing of ours, whatever it is called. */
function pathBelow(chatPath: string, path: string): string {
  if (path === chatPath) return WITHOUT_SLASH;
  return path.startsWith(`${chatPath}/`) ? path.slice(chatPath.length) : OUTSIDE;
}

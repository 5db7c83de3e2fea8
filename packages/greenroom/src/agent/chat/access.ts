import type { ChatCaller } from '@greenroom/sdk/chat';
import { CHAT_CALLER_HEADER } from '@greenroom/sdk/chat';
import { type ChatContext, callerSchema, type Refused, refused } from './answers.ts';
import { type AskApp, CHAT_COOKIE } from './endpoint.ts';
import type { Tokens } from './tokens.ts';

/**
 * Where a request came in, which decides how its caller is known.
 * - `app`: the app's own socket; the app names the caller
 * - `proxy`: the public socket; every caller proves who they are
 * - `tcp`: as `proxy`; `open`: a loopback port of somebody who said `--no-login`
 */
export type Listener = 'app' | 'proxy' | 'tcp' | 'open';

export interface Access {
  tokens: Tokens | null;
  askApp: AskApp | null;
}

export type Identified = { ok: true; caller: ChatCaller; byToken: boolean } | Refused;

const NOBODY_ELSE: ChatCaller = { user: { id: 'local', name: 'You' }, approve: true };

/** Who calls. Without a way to know, nobody does. */
export async function identify(c: ChatContext, listener: Listener, { tokens, askApp }: Access): Promise<Identified> {
  if (listener === 'app') return namedByApp(c.req.header(CHAT_CALLER_HEADER));
  if (listener === 'open') return { ok: true, caller: NOBODY_ELSE, byToken: false };
  const byToken = tokens && callerByToken(c, tokens);
  if (byToken) return { ok: true, caller: byToken, byToken: true };
  if (askApp) {
    const { pathname, search } = new URL(c.req.url);
    const answer = await askApp({ method: c.req.method, uri: pathname + search, headers: c.env.incoming.headers });
    if (answer.ok) return { ...answer, byToken: false };
    return tokens && answer.status === 401 ? mayLogIn(answer) : answer;
  }
  const login = refused(401, 'unauthorized', 'Log in with the token of this chat.');
  return tokens ? mayLogIn(login) : refused(401, 'unauthorized', 'Nobody may chat here: nothing says who may.');
}

function mayLogIn(answer: Refused): Refused {
  return { ...answer, refusal: { ...answer.refusal, login: true } };
}

/** By `Authorization: Bearer`, else by any of the chat's cookies: a page of another path may have set one of the same name. */
function callerByToken(c: ChatContext, tokens: Tokens): ChatCaller | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (bearer !== undefined) {
    const caller = tokens.callerOf(bearer);
    if (caller) return caller;
  }
  for (const cookie of (c.req.header('cookie') ?? '').split(';')) {
    const [name, value = ''] = cookie.trim().split('=', 2);
    const caller = name === CHAT_COOKIE ? tokens.callerOfCookie(value) : null;
    if (caller) return caller;
  }
  return null;
}

function namedByApp(header: string | undefined): Identified {
  if (header === undefined)
    return refused(401, 'unauthorized', `The app did not say who calls: the header ${CHAT_CALLER_HEADER} is missing.`);
  const bad = refused(400, 'invalid_request', `The header ${CHAT_CALLER_HEADER} is not a caller as JSON in base64url.`);
  try {
    const parsed = callerSchema.safeParse(JSON.parse(Buffer.from(header, 'base64url').toString('utf8')));
    return parsed.success ? { ok: true, caller: parsed.data, byToken: false } : bad;
  } catch (error) {
    if (error instanceof SyntaxError) return bad;
    throw error;
  }
}

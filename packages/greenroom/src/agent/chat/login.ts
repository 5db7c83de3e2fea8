import type { Hono } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import type { Listener } from './access.ts';
import { answerRefusal, type ChatContext, type ChatEnv, type Refused, readBody, refused, tooMany } from './answers.ts';
import { CHAT_COOKIE } from './endpoint.ts';
import { addressOf } from './guard.ts';
import type { Limiter } from './limiter.ts';
import type { Tokens } from './tokens.ts';

export interface LoginCalls {
  listener: Listener;
  tokens: Tokens | null;
  chatPath: string;
  wrongTokens: Limiter;
}

const tokenBody = z.object({ token: z.string().max(1_000) });

/** Logging in with a token, and out again. */
export function addLoginCalls(api: Hono<ChatEnv>, { listener, tokens, chatPath, wrongTokens }: LoginCalls): void {
  /** Sets the cookie for whoever has a token. */
  function logIn(c: ChatContext, token: string): Refused | null {
    if (!tokens || listener === 'app' || listener === 'open') return refused(404, 'not_found', 'This chat knows no tokens.');
    const address = addressOf(c, listener);
    const seconds = wrongTokens.wait(address);
    if (seconds > 0) return tooMany('Too many wrong tokens.', seconds);
    const given = tokens.login(token);
    if (!given) {
      wrongTokens.take(address);
      return refused(401, 'unauthorized', 'This is not the token of this chat.');
    }
    setCookie(c, CHAT_COOKIE, given.cookie, { ...cookieOptions(c), maxAge: given.maxAgeSeconds });
    return null;
  }

  function cookieOptions(c: ChatContext) {
    const secure = c.req.header('x-forwarded-proto')?.split(',')[0]?.trim() === 'https';
    return { path: chatPath === '' ? '/' : chatPath, httpOnly: true, sameSite: 'Strict', secure } as const;
  }

  api.post('/api/login', async (c) => {
    const read = await readBody(c, tokenBody);
    const problem = read.ok ? logIn(c, read.body.token) : read;
    if (!problem) return c.body(null, 204);
    return answerRefusal(c, problem.status === 401 ? { ...problem, refusal: { ...problem.refusal, login: true } } : problem);
  });

  api.post('/api/logout', (c) => {
    deleteCookie(c, CHAT_COOKIE, cookieOptions(c));
    return c.body(null, 204);
  });

  // For a first visit by a link.
  api.get('/login', (c) => {
    const problem = logIn(c, c.req.query('token') ?? '');
    if (!problem) return c.redirect(ownPath(c.req.query('next')) ?? `${chatPath}/`, 303);
    if (problem.retryAfterSeconds !== undefined) c.header('retry-after', String(problem.retryAfterSeconds));
    return c.text(`${problem.refusal.error}\n`, problem.status);
  });
}

/** A path of this origin and nothing that a browser takes for another one. */
function ownPath(next: string | undefined): string | undefined {
  const here = 'http://here.invalid';
  if (!next?.startsWith('/') || !URL.canParse(next, here)) return undefined;
  const url = new URL(next, here);
  if (url.origin !== here) return undefined;
  // `//elsewhere` may be what is left when dots are resolved.
  return url.pathname.startsWith('//') ? undefined : url.pathname + url.search + url.hash;
}

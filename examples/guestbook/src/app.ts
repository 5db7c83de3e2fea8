import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { secureHeaders } from 'hono/secure-headers';
import { streamSSE } from 'hono/streaming';
import { chatPath } from './chat.ts';
import type { Live } from './live.ts';
import { MAX_AUTHOR_LENGTH, MAX_TEXT_LENGTH, type PageState, page } from './page.ts';
import type { Release } from './release.ts';
import { readSession, type Session, same } from './session.ts';
import type { Store } from './store.ts';

const COOKIE = 'guestbook';
const COOKIE_LIFETIME_S = 90 * 24 * 3_600;
const SHOWN_MESSAGES = 50;
const MAX_FORM_BYTES = 16_384;
/** Something is sent this often, so that neither a proxy nor a browser takes a quiet stream for a dead one. */
const STREAM_HEARTBEAT_MS = 10_000;

/** What visitors reach: the page, its form, the JSON of it, the stream of new messages, and the deep check. */
export function createApp(store: Store, live: Live, release: Release): Hono {
  const app = new Hono();
  const secret = process.env['SESSION_SECRET'] ?? store.secret();
  const style = readFileSync(new URL('../public/style.css', import.meta.url), 'utf8');
  const script = readFileSync(new URL('../public/live.js', import.meta.url), 'utf8');
  const chat = { path: chatPath(process.env), open: false };

  app.use(
    secureHeaders({
      strictTransportSecurity: false, // for whoever ends TLS in front of the app to decide
      contentSecurityPolicy: { defaultSrc: ["'self'"], imgSrc: ['data:'], styleSrcAttr: ["'unsafe-inline'"], formAction: ["'self'"] },
    }),
  );
  app.use(async (c, next) => {
    await next();
    c.header('x-app-commit', release.commit);
  });

  const session = (cookie: string | undefined): Session => readSession(cookie, secret);
  const show = (visitor: Session, rest: Partial<PageState>) =>
    page({
      messages: store.latest(SHOWN_MESSAGES),
      release,
      chat,
      formToken: visitor.formToken,
      author: '',
      text: '',
      problem: '',
      ...rest,
    });

  app.get('/', (c) => {
    const visitor = session(getCookie(c, COOKIE));
    const secure = c.req.header('x-forwarded-proto') === 'https';
    if (visitor.fresh)
      setCookie(c, COOKIE, visitor.cookie, { httpOnly: true, sameSite: 'Lax', secure, path: '/', maxAge: COOKIE_LIFETIME_S });
    c.header('cache-control', 'no-store');
    const open = c.req.query('chat') !== undefined; // a link that leads to the chat
    return c.html(show(visitor, { author: store.sessionName(visitor.id), chat: { ...chat, open } }));
  });

  app.post('/messages', async (c) => {
    if (Number(c.req.header('content-length') ?? Number.POSITIVE_INFINITY) > MAX_FORM_BYTES) return c.text('The form is too large.', 413);
    const form = await c.req.parseBody();
    const field = (name: string): string => (typeof form[name] === 'string' ? form[name].trim() : '');
    const visitor = session(getCookie(c, COOKIE));
    const [author, text] = [field('author'), field('text')];
    const refuse = (problem: string, status: 400 | 403) => c.html(show(visitor, { author, text, problem }), status);

    if (visitor.fresh || !same(field('form_token'), visitor.formToken)) {
      return refuse('This form had expired, or cookies are off. Load the page again, then send your message.', 403);
    }
    if (author === '' || author.length > MAX_AUTHOR_LENGTH)
      return refuse(`Please give a name of at most ${MAX_AUTHOR_LENGTH} characters.`, 400);
    if (text === '' || text.length > MAX_TEXT_LENGTH)
      return refuse(`Please write a message of at most ${MAX_TEXT_LENGTH} characters.`, 400);
    store.add(author, text);
    store.rememberName(visitor.id, author);
    return c.redirect('/', 303);
  });

  app.get('/api/messages', (c) => c.json({ messages: store.latest(SHOWN_MESSAGES) }));
  app.get('/api/ping', (c) => c.json({ ok: true, messages: store.ping(release.commit), commit: release.commit, version: release.version }));
  app.get('/style.css', (c) => c.body(style, 200, { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'no-cache' }));
  app.get('/live.js', (c) => c.body(script, 200, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache' }));

  app.get('/events', (c) => {
    const after = Number(c.req.header('last-event-id') ?? c.req.query('after') ?? store.latest(1)[0]?.id ?? 0);
    if (!Number.isSafeInteger(after))
      return c.json({ error: `"after" must be the number of a message, not "${c.req.query('after')}".` }, 400);
    return streamSSE(c, async (stream) => {
      await stream.writeSSE({ event: 'release', data: JSON.stringify(release) });
      const ended = Promise.withResolvers<void>();
      const stop = live.subscribe(after, {
        message: (message) => void stream.writeSSE({ id: String(message.id), data: JSON.stringify(message) }),
        end: ended.resolve,
      });
      stream.onAbort(ended.resolve);
      const heartbeat = setInterval(() => void stream.write(': still here\n\n'), STREAM_HEARTBEAT_MS);
      await ended.promise;
      clearInterval(heartbeat);
      stop();
    });
  });

  app.onError((error, c) => {
    console.error(`${c.req.method} ${c.req.path} failed:`, error);
    return c.json({ ok: false, error: error.message }, 500);
  });
  return app;
}

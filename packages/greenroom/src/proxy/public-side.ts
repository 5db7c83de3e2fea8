/** Which of an app's three sides a request on its public port is for: the live instance, the chat, or an instance that somebody looks at before it goes live. */
import { timingSafeEqual } from 'node:crypto';
import type { ProxyAppBody } from '@greenroom/sdk/proxy';
import type { Asked, Connection, Destination, Flight, Reply } from './data-path.ts';
import { isAmbiguous, isBelow } from './route-table.ts';

/** Followed by the public port: cookies of all apps of a host are sent to each of them, whatever their port. */
export const PREVIEW_COOKIE = 'greenroom_preview_';

export interface Sides {
  live: Destination | null;
  /** Null for an app without a chat; then it has no previews either. */
  chat: ChatSide | null;
  shown: Shown | null;
}

export interface ChatSide {
  path: string;
  /** Below it the proxy itself answers. */
  previews: string;
  /** Where the app begins: at a path of its own where the chat is below one of its routes. */
  home: string;
  cookie: string;
  destination: Destination;
}

export interface Shown {
  token: string;
  destination: Destination;
}

/** What chat requests hold open is nobody's in flight: no drain waits for it, and no swap touches it. */
const NOBODYS: Flight = { answered: () => undefined, stream: () => undefined, end: () => undefined };

export function chatSide({ port, chat, routes = [] }: ProxyAppBody, trust: Pick<Destination, 'trusts'>): ChatSide | null {
  if (!chat) return null;
  const above = routes.map(({ path = '' }) => path).filter((path) => isBelow(chat.path, path));
  const home = above.reduce((longest, path) => (path.length > longest.length ? path : longest), '');
  return {
    path: chat.path,
    home: `${home}/`,
    previews: `${chat.path}/preview/`,
    cookie: `${PREVIEW_COOKIE}${port}`,
    destination: {
      instance: 'chat',
      host: '',
      port: 0,
      socket: chat.socket,
      hiddenCookies: PREVIEW_COOKIE,
      silent: chatIsSilent,
      begin: () => NOBODYS,
      ...trust,
    },
  };
}

export function pickPublic({ live, chat, shown }: Sides, { path, cookies }: Asked, by: Connection): Destination | Reply | null {
  if (!chat) return live;
  if (isBelow(path, chat.path)) return pickChat(chat, shown, path, by);
  const values = previewCookies(cookies, chat.cookie);
  if (!values) return live;
  if (shown && values.some((it) => matches(shown.token, it))) return { ...shown.destination, hiddenCookies: PREVIEW_COOKIE };
  if (!live) return null;
  // A preview of before. Cookies of other apps are only kept from this one.
  const answerHeaders = values.length > 0 ? ['Set-Cookie', cookieOf(chat, '', '; Max-Age=0')] : [];
  return { ...live, hiddenCookies: PREVIEW_COOKIE, answerHeaders };
}

function pickChat(chat: ChatSide, shown: Shown | null, path: string, { secure }: Connection): Destination | Reply {
  const query = path.indexOf('?');
  const plain = query === -1 ? path : path.slice(0, query);
  if (isAmbiguous(plain.slice(chat.path.length))) return reply(400, 'Bad request: dots or slashes in disguise below the path of the chat.');
  if (!plain.startsWith(chat.previews)) return chat.destination;
  const token = plain.slice(chat.previews.length);
  if (token === 'leave') return redirect(cookieOf(chat, '', '; Max-Age=0'), chat);
  if (shown && matches(shown.token, token)) return redirect(cookieOf(chat, token, secure ? '; Secure' : ''), chat);
  return reply(410, 'There is nothing to look at here any more: the deploy has been decided.');
}

/** Values of the app's own preview cookie; undefined when the request has no cookie of that kind, its own or another's. */
function previewCookies(cookies: readonly string[], name: string): string[] | undefined {
  let values: string[] | undefined;
  for (const cookie of cookies) {
    if (!cookie.includes(PREVIEW_COOKIE)) continue;
    values ??= [];
    for (const pair of cookie.split(';')) {
      const at = pair.indexOf('=');
      if (at !== -1 && pair.slice(0, at).trim() === name) values.push(pair.slice(at + 1).trim());
    }
  }
  return values;
}

/** In a time that says nothing about how much of it was right. */
function matches(token: string, given: string): boolean {
  const [wanted, got] = [Buffer.from(token), Buffer.from(given)];
  return wanted.length === got.length && timingSafeEqual(wanted, got);
}

const cookieOf = ({ cookie }: ChatSide, value: string, more: string): string => `${cookie}=${value}; Path=/; HttpOnly; SameSite=Lax${more}`;

/** To the first page of what the app is served at. The address with the token is to be in no history, cache or `Referer`. */
function redirect(cookie: string, { home }: ChatSide): Reply {
  return { status: 303, headers: ['Location', home, 'Set-Cookie', cookie, ...PRIVATE], body: '' };
}

const PRIVATE = ['Cache-Control', 'no-store', 'Referrer-Policy', 'no-referrer'];

function reply(status: number, text: string): Reply {
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', ...PRIVATE], body: `${text}\n` };
}

function chatIsSilent(status: 502 | 503): Reply {
  const error =
    status === 503 ? 'The chat is not running. Start it with: greenroom chat' : 'The chat ended without an answer. Ask again in a moment.';
  const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store', 'Retry-After', '1'];
  return { status, headers, body: `${JSON.stringify({ code: 'unavailable', error })}\n` };
}

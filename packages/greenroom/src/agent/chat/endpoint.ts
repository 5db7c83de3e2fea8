import { createHash } from 'node:crypto';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { ChatCaller } from '@greenroom/sdk/chat';
import { callerSchema, type Refused, refused } from './answers.ts';

/** How long the app's word on a credential counts. */
const REMEMBERED_MS = 2_000;
const REMEMBERED_MOST = 1_000;
const TIME_LIMIT_MS = 5_000;
const MAX_ANSWER_BYTES = 16 * 1024;
/** What the app tells a user by. Everything else of a request is not its business here. */
const FORWARDED = ['cookie', 'authorization', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'host'] as const;

export interface AskedOf {
  method: string;
  /** Path and query as the browser asked for it. */
  uri: string;
  headers: IncomingHttpHeaders;
}

export type Authorized = { ok: true; caller: ChatCaller } | Refused;
/** Where the app is asked: a port of 127.0.0.1, or a Unix socket. */
export type AppAddress = { port: number } | { socketPath: string };
export type AskApp = (asked: AskedOf) => Promise<Authorized>;

/**
 * Asks the app, by the contract's `agent.authorize_endpoint`, who a request is of: 2xx with a `ChatCaller` as JSON lets it in, 401 and 403 keep
 * it out, anything else is a fault of the app. What it says of one credential counts for two seconds, whatever is called.
 */
export function createAskApp({ at, path }: { at: AppAddress; path: string }): AskApp {
  const remembered = new Map<string, { until: number; answer: Promise<Authorized> }>();
  return (asked) => {
    const headers = forwardedHeaders(asked.headers);
    const key = createHash('sha256').update(JSON.stringify(headers)).digest('base64');
    const known = remembered.get(key);
    if (known && known.until > performance.now()) return known.answer;
    const answer = askApp({ at, path, method: asked.method, uri: asked.uri, headers });
    remembered.delete(key);
    remembered.set(key, { until: performance.now() + REMEMBERED_MS, answer });
    for (const oldest of remembered.keys()) {
      if (remembered.size <= REMEMBERED_MOST) break;
      remembered.delete(oldest);
    }
    // A fault of the app is asked about again at once: it may be over.
    void answer.then((it) => {
      if (!it.ok && it.status === 503 && remembered.get(key)?.answer === answer) remembered.delete(key);
    });
    return answer;
  };
}

function forwardedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of FORWARDED) {
    const value = headers[name];
    const text = Array.isArray(value) ? value.join(', ') : value;
    const kept = name === 'cookie' && text !== undefined ? withoutOurs(text) : text;
    if (kept) found[name] = kept;
  }
  return found;
}

export const CHAT_COOKIE = 'greenroom_chat';

/** A log-in by token is between browser and chat. */
function withoutOurs(cookies: string): string {
  return cookies
    .split(';')
    .filter((cookie) => cookie.split('=', 1)[0]?.trim() !== CHAT_COOKIE)
    .join(';')
    .trim();
}

async function askApp(asked: {
  at: AppAddress;
  path: string;
  method: string;
  uri: string;
  headers: Record<string, string>;
}): Promise<Authorized> {
  const where = `The app's ${asked.path}, which says who may chat,`;
  const broken = (what: string): Refused => refused(503, 'unavailable', `${where} ${what}.`);
  try {
    const { status, body } = await exchange(asked);
    if (status === 401) return refused(401, 'unauthorized', 'The app does not know you: log in there first.');
    if (status === 403) return refused(403, 'forbidden', 'The app does not let you chat here.');
    if (status < 200 || status > 299) return broken(`answered ${status} instead of 200, 401 or 403`);
    const parsed = callerSchema.safeParse(parseJson(body));
    if (parsed.success) return { ok: true, caller: parsed.data };
    return broken('let the request in without saying whose it is: it must answer {"user": {"id": "…", "name": "…"}, "approve": false}');
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') return broken(`did not answer within ${TIME_LIMIT_MS / 1000} seconds`);
    if (error instanceof Error && 'code' in error) return broken(`cannot be reached (${String(error.code)})`);
    throw error;
  }
}

async function exchange(asked: {
  at: AppAddress;
  path: string;
  method: string;
  uri: string;
  headers: Record<string, string>;
}): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(TIME_LIMIT_MS);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request(
    {
      ...('port' in asked.at ? { host: '127.0.0.1', ...asked.at } : asked.at),
      path: asked.path,
      method: 'GET',
      // A connection of its own: a kept one may be closed by a swap just as it is used again.
      agent: false,
      signal,
      headers: {
        accept: 'application/json',
        ...asked.headers,
        'x-greenroom-original-method': asked.method,
        'x-greenroom-original-uri': asked.uri,
      },
    },
    resolve,
  );
  // An abort's own error says nothing of why; the signal does.
  outgoing.on('error', (error) => reject(signal.aborted ? signal.reason : error));
  outgoing.end();
  const response = await promise;
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) break;
      chunks.push(chunk);
    }
    return { status: response.statusCode ?? 0, body: bytes > MAX_ANSWER_BYTES ? '' : Buffer.concat(chunks).toString('utf8') };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    response.destroy();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

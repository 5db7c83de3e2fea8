import type { Delivery } from './outcome.ts';
import { decoded, fit, oneLine } from './text.ts';

const LONGEST_ANSWER_BYTES = 4_096;
const SHOWN_ANSWER_CHARACTERS = 200;
/** Whatever a target asks for, it is tried again this often. */
const LONGEST_ASKED_WAIT_MS = 60 * 60_000;

export interface Post {
  url: URL;
  body: object;
  headers?: Record<string, string>;
  /** For the whole exchange, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** Posts JSON once, without following redirects: they could lead the alert, and the token with it, anywhere. Never rejects. */
export async function post({ url, body, headers = {}, timeoutMs, signal }: Post): Promise<Delivery> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(withoutCredentials(url), {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'user-agent': 'greenroom-alerts', ...basicAuth(url), ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.any([limit, signal]),
    });
    const answer = await readSome(response);
    return response.ok ? { ok: true } : refusal(response, answer);
  } catch (error) {
    const why = limit.aborted ? `no answer within ${timeoutMs / 1_000} s` : reason(error);
    return { ok: false, retry: 'soon', error: why, waitMs: 0 };
  }
}

function refusal({ status, headers }: Response, answer: string): Delivery {
  const said = fit(oneLine(answer), SHOWN_ANSWER_CHARACTERS);
  const error = `answered ${status}${said ? `: ${said}` : ''}`;
  if (status === 429) return { ok: false, retry: 'soon', error, waitMs: Math.min(askedWait(headers, answer), LONGEST_ASKED_WAIT_MS) };
  if (status === 408 || status === 425 || status >= 500) {
    return { ok: false, retry: 'soon', error, waitMs: Math.min(askedWait(headers, ''), LONGEST_ASKED_WAIT_MS) };
  }
  if (status === 400 || status === 413 || status === 415 || status === 422) return { ok: false, retry: 'never', error, waitMs: 0 };
  const redirected = status >= 300 && status < 400;
  return {
    ok: false,
    retry: 'seldom',
    error: redirected ? `answered ${status}, a redirect, which is not followed: set the URL it leads to` : error,
    waitMs: 0,
  };
}

/** `Retry-After` in seconds or as a date; Discord also says it in the body, in seconds with a fraction. */
function askedWait(headers: Headers, answer: string): number {
  const header = headers.get('retry-after') ?? /"retry_after"\s*:\s*([\d.]+)/.exec(answer)?.[1] ?? '';
  const seconds = Number(header);
  if (header !== '' && Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds * 1_000));
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now());
}

async function readSome(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= LONGEST_ANSWER_BYTES) break;
  }
  return text.slice(0, LONGEST_ANSWER_BYTES);
}

/** fetch refuses addresses with credentials in them. */
function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

function basicAuth({ username, password }: URL): Record<string, string> {
  if (!username && !password) return {};
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return SENTENCES[code] ?? (cause instanceof Error ? cause.message : error.message);
}

const SENTENCES: Record<string, string> = {
  ECONNREFUSED: 'connection refused, nothing listens there',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ECONNRESET: 'the connection was closed without an answer',
  UND_ERR_SOCKET: 'the connection was closed without an answer',
};

import type { Destination } from '../data-path.ts';
import type { Answer } from './answer.ts';
import type { Client } from './client.ts';
import { httpDate } from './own-answer.ts';
import { CHUNKED_BODY, type RequestHead } from './request-head.ts';

/** Methods that usually have a body: one without says so. */
const USUALLY_WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);
/** Some servers take a thousand lines and drop the others without a word: behind so many, nobody would read who asked. Bytes; a line has at least four. */
const MAX_IN_FRONT = 2_000;

/**
 * The head of a request as the app gets it. What was said about forwarding is said anew, so that an app may believe it: it is what the proxy saw, or
 * what a trusted proxy before it says.
 */
export function requestBytes(request: RequestHead, client: Client, { hiddenCookies, trusts }: Destination): string {
  const { method, path, body, upgrade, saysLength } = request;
  const host = request.host === '' ? client.localHost : request.host;
  const fields =
    hiddenCookies === undefined || request.cookies.length === 0 ? request.fields : withoutCookies(request.fields, hiddenCookies);
  let head = `${method} ${path} HTTP/1.1\r\n`;
  // HTTP/1.0 may leave it out; the app is spoken to in HTTP/1.1, which may not.
  if (request.host === '') head += `Host: ${host}\r\n`;
  const forwarded = client.forwarded(host, trusts, request.forged);
  head += fields.length > MAX_IN_FRONT ? forwarded + fields : fields + forwarded;
  if (body === CHUNKED_BODY) head += 'Transfer-Encoding: chunked\r\n';
  else if (!saysLength && USUALLY_WITH_BODY.has(method)) head += 'Content-Length: 0\r\n';
  if (upgrade !== '') head += `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  else if (request.acceptsTrailers) head += 'Connection: TE\r\nTE: trailers\r\n';
  return `${head}\r\n`;
}

/** The head of an answer as the client gets it, with `more` header lines, name and value in turn. `keep`: the connection may be used again. */
export function answerBytes(
  { framing, head: answer }: Answer,
  { minor }: RequestHead,
  more: readonly string[] | undefined,
  keep: boolean,
): string {
  let head = `${answer.statusLine}\r\n${answer.fields}`;
  if (framing === 'chunks') head += `${answer.trailerField}Transfer-Encoding: chunked\r\n`;
  if (!answer.hasDate) head += `Date: ${httpDate()}\r\n`;
  if (more) for (let i = 0; i < more.length; i += 2) head += `${more[i]}: ${more[i + 1]}\r\n`;
  if (!keep) head += 'Connection: close\r\n';
  else if (minor === 0) head += 'Connection: keep-alive\r\n';
  return `${head}\r\n`;
}

/** Header lines without the cookies whose name begins like this; the others stay as they came, byte for byte. */
function withoutCookies(fields: string, prefix: string): string {
  let kept = '';
  for (const line of fields.split('\r\n')) {
    if (line === '') continue;
    if (!/^cookie:/i.test(line)) {
      kept += `${line}\r\n`;
      continue;
    }
    const cookies = line.slice('cookie:'.length).split(';');
    const others = cookies.filter((cookie) => !cookie.trimStart().startsWith(prefix));
    if (others.length === cookies.length) kept += `${line}\r\n`;
    else if (others.length > 0) kept += `${line.slice(0, 'cookie:'.length)} ${others.join(';').trimStart()}\r\n`;
  }
  return kept;
}

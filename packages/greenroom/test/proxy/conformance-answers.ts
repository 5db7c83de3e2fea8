/** Answers of apps as RFC 9112 and RFC 9110 have them, or not: what the client gets of each. */
import { ANSWER_REFUSAL, type AnswerRefusal } from '../../src/proxy/splice/refusals.ts';

export interface AnswerCase {
  /** Where the RFCs say it. */
  section: string;
  name: string;
  /** What the client asks; another request follows it at once, where the connection is kept. */
  request: string;
  /** What the app answers, and whether it ends its connection then. */
  bytes: string;
  ends: boolean;
  /** Why it is refused; or what the client gets, and whether another request may follow it on the app's connection. */
  outcome: { refused: AnswerRefusal } | { client: RegExp; reused: boolean } | { cut: RegExp };
}

const ask = (method: string, version: string, headers = ''): string => `${method} / HTTP/${version}\r\nHost: a\r\n${headers}\r\n`;
const GET = ask('GET', '1.1');
const HEAD = ask('HEAD', '1.1');
const OLD = ask('GET', '1.0');
const OLD_KEPT = ask('GET', '1.0', 'Connection: keep-alive\r\n');
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: x\r\n';
const EXPECTS = `${ask('POST', '1.1', 'Expect: 100-continue\r\nContent-Length: 2\r\n')}hi`;
const OK = 'HTTP/1.1 200 OK\r\n';
const SIZED = `${OK}Content-Length: 2\r\n\r\nok`;
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const SMUGGLED = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled';

const refused = (section: string, name: string, head: string, reason: keyof typeof ANSWER_REFUSAL): AnswerCase => ({
  section,
  name,
  request: GET,
  bytes: `${head}\r\n\r\n`,
  ends: false,
  outcome: { refused: ANSWER_REFUSAL[reason] },
});
interface More {
  request?: string;
  ends?: boolean;
  reused?: boolean;
}
const passed = (
  section: string,
  name: string,
  bytes: string,
  client: RegExp,
  { request = GET, ends = false, reused = !ends }: More = {},
): AnswerCase => ({
  section,
  name,
  request,
  bytes,
  ends,
  outcome: { client, reused },
});
const cut = (section: string, name: string, bytes: string, client: RegExp, { request = GET, ends = false }: More = {}): AnswerCase => ({
  section,
  name,
  request,
  bytes,
  ends,
  outcome: { cut: client },
});

export const ANSWER_CASES: readonly AnswerCase[] = [
  refused('RFC 9112, 2.3', 'HTTP/2.0', 'HTTP/2.0 200 OK', 'start'),
  refused('RFC 9112, 2.3', 'HTTP/1.2', 'HTTP/1.2 200 OK', 'version'),
  refused('RFC 9112, 4', 'another protocol', 'ICY 200 OK', 'start'),
  refused('RFC 9112, 4', 'no space behind the version', 'HTTP/1.1\t200 OK', 'version'),
  refused('RFC 9112, 4', 'status of two digits', 'HTTP/1.1 20 OK', 'status'),
  refused('RFC 9112, 4', 'status of four digits', 'HTTP/1.1 2000 OK', 'status'),
  refused('RFC 9110, 15', 'status below 100', 'HTTP/1.1 099 OK', 'status'),
  refused('RFC 9112, 4', 'control character in the reason', 'HTTP/1.1 200 \x01', 'statusLine'),
  refused('RFC 9112, 2.2', 'bare LF behind the status line', 'HTTP/1.1 200 OK\nX: y', 'statusLine'),
  refused('RFC 9112, 2.2', 'bare CR behind the status line', 'HTTP/1.1 200 OK\rX: y', 'statusLine'),
  refused('RFC 9112, 2.2', 'bare LF behind a header', `${OK}X: y\nContent-Length: 0`, 'lineEnd'),
  refused('RFC 9112, 5.1', 'space before the colon', `${OK}X : y`, 'name'),
  refused('RFC 9112, 5.2', 'folded line', `${OK}X: y\r\n z`, 'folded'),
  refused('RFC 9110, 5.5', 'NUL in a value', `${OK}X: a\0b`, 'control'),
  refused('RFC 9110, 5.4', 'too many headers', `${OK}${'b:\r\n'.repeat(3_001)}c:`, 'count'),
  refused('RFC 9112, 6.1', 'unknown coding', `${OK}Transfer-Encoding: gzip`, 'coding'),
  refused('RFC 9112, 6.1', 'coding before chunked', `${OK}Transfer-Encoding: gzip, chunked`, 'coding'),
  refused('RFC 9112, 6.1', 'chunked twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked`, 'coding'),
  refused('RFC 9112, 6.3', 'both lengths', `${OK}Content-Length: 0\r\nTransfer-Encoding: chunked`, 'bothLengths'),
  refused('RFC 9112, 6.3', 'the same length twice', `${OK}Content-Length: 0\r\nContent-Length: 0`, 'lengthTwice'),
  refused('RFC 9110, 8.6', 'list of lengths', `${OK}Content-Length: 0, 0`, 'lengthForm'),
  refused('RFC 9110, 8.6', 'negative length', `${OK}Content-Length: -1`, 'lengthForm'),
  refused('RFC 9110, 5.6.3', 'tab before a length', `${OK}Content-Length:\t0`, 'lengthForm'),
  refused('RFC 9110, 5.6.3', 'tab behind a coding', `${OK}Transfer-Encoding: chunked\t`, 'coding'),
  passed('RFC 9112, 4', 'no reason, and no space before it', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 200\r\n/),
  passed('RFC 9112, 4', 'a reason of its own', 'HTTP/1.1 200 Ok\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 200 Ok\r\n/),
  passed('RFC 9112, 4', 'reason above ASCII', 'HTTP/1.1 200 \xe4\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 200 \xe4\r\n/),
  passed('RFC 9110, 15', 'unknown status', 'HTTP/1.1 799 X\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 799 X\r\n/),
  passed(
    'RFC 9110, 2.5',
    'version of its own, not of the app',
    'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    /^HTTP\/1\.1 200 OK\r\n/,
    {
      reused: false,
    },
  ),
  passed('RFC 9110, 6.6.1', 'Date where the app says none', SIZED, /\r\nDate: .* GMT\r\n/),
  passed(
    'RFC 9110, 6.6.1',
    'Date of the app',
    `${OK}Date: then\r\nContent-Length: 0\r\n\r\n`,
    /^HTTP\/1\.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n\r\n/,
  ),
  passed(
    'RFC 9110, 7.6.1',
    'headers of this hop',
    `${OK}Connection: x, keep-alive\r\nX: y\r\nKeep-Alive: timeout=9\r\nProxy-Connection: z\r\nTE: a\r\nUpgrade: b\r\nContent-Length: 0\r\n\r\n`,
    /^(?!.*(X: y|Keep-Alive|Proxy-|TE:|Upgrade))/s,
  ),
  passed(
    'RFC 9110, 7.6.1',
    'Connection cannot take the length away',
    `${OK}Connection: content-length, set-cookie\r\nSet-Cookie: a\r\nContent-Length: 2\r\n\r\nok`,
    /Set-Cookie: a\r\nContent-Length: 2\r\n/,
  ),
  passed(
    'RFC 9110, 7.6.1',
    'headers that are for the client',
    `${OK}Host: a\r\nExpect: b\r\nCookie: c\r\nX-Forwarded-For: d\r\nContent-Length: 0\r\n\r\n`,
    /\r\nHost: a\r\nExpect: b\r\nCookie: c\r\nX-Forwarded-For: d\r\n/,
  ),
  passed('RFC 9112, 9.6', 'the app closes', `${OK}Connection: close\r\nContent-Length: 2\r\n\r\nok`, / GMT\r\n\r\nokHTTP/, {
    reused: false,
  }),
  passed('RFC 9112, 9.3', 'HTTP/1.0 that keeps its connection', SIZED, /\r\nConnection: keep-alive\r\n\r\nok/, { request: OLD_KEPT }),
  passed('RFC 9112, 9.3', 'HTTP/1.0 that does not', SIZED, /\r\nConnection: close\r\n\r\nok$/, { request: OLD }),
  passed('RFC 9112, 6.3', 'HEAD with a length', `${OK}Content-Length: 5\r\n\r\n`, /\r\nContent-Length: 5\r\n[\s\S]*?\r\n\r\nHTTP/, {
    request: HEAD,
    reused: false,
  }),
  passed('RFC 9112, 6.3', 'HEAD with chunks announced', CHUNKED, /^(?!.*Transfer-Encoding).*?\r\n\r\nHTTP/s, {
    request: HEAD,
    reused: false,
  }),
  passed('RFC 9112, 6.3', 'HEAD with a body', SIZED, /\r\n\r\nHTTP/, { request: HEAD, reused: false }),
  passed('RFC 9110, 8.6', '204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', /^(?!.*Content-Length: 0)/s),
  passed('RFC 9112, 6.3', '204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok', /^(?!.*\r\nok)/s, { reused: false }),
  passed(
    'RFC 9112, 6.1',
    '204 with chunks',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /^(?!.*Transfer-)/s,
    { reused: false },
  ),
  passed(
    'RFC 9110, 15.4.5',
    '304 with a length',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    /\r\nContent-Length: 5\r\n[\s\S]*?\r\n\r\nHTTP/,
    { reused: false },
  ),
  passed('RFC 9110, 15.3.6', '205 without content', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', /\r\nContent-Length: 0\r\n/),
  passed(
    'RFC 9110, 15.3.6',
    '205 in chunks',
    'HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /\r\n\r\n0\r\n\r\nHTTP/,
  ),
  passed(
    'RFC 9110, 15.2',
    'interim answer that nobody asked for',
    `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${SIZED}`,
    /^HTTP\/1\.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP\/1\.1 200/,
  ),
  passed(
    'RFC 9110, 15.2',
    'several of them',
    `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(3)}${SIZED}`,
    /^(HTTP\/1\.1 102 Processing\r\n\r\n){3}HTTP\/1\.1 200/,
  ),
  passed('RFC 9110, 15.2', 'interim answer to HTTP/1.0', `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${SIZED}`, /^HTTP\/1\.1 200 OK\r\n/, {
    request: OLD,
  }),
  passed(
    'RFC 9110, 10.1.1',
    '100 that was asked for',
    `HTTP/1.1 100 Continue\r\n\r\n${SIZED}`,
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/,
    { request: EXPECTS },
  ),
  passed('RFC 9110, 10.1.1', '100 that was not asked for', `HTTP/1.1 100 Continue\r\n\r\n${SIZED}`, /^HTTP\/1\.1 200 OK\r\n/),
  passed(
    'RFC 9110, 15.2.2',
    '101 with bytes right behind',
    `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\nhello`,
    new RegExp(`^HTTP/1\\.1 101 Switching Protocols\r\n${UPGRADE}\r\nhello$`),
    { request: ask('GET', '1.1', UPGRADE), ends: true, reused: false },
  ),
  passed(
    'RFC 9110, 15.2.2',
    '101 that nobody asked for',
    `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\nhello`,
    /^HTTP\/1\.1 502 (?!.*hello)/s,
    { reused: false },
  ),
  passed('RFC 9110, 7.8', 'an upgrade that the app passes over', SIZED, /^HTTP\/1\.1 200 OK\r\n/, { request: ask('GET', '1.1', UPGRADE) }),
  passed(
    'RFC 9112, 6.3',
    'no length: chunks for HTTP/1.1',
    `${OK}\r\nok`,
    /\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n(2\r\nok|1\r\no\r\n1\r\nk)\r\n0\r\n\r\nHTTP/,
    { ends: true },
  ),
  passed('RFC 9112, 6.3', 'no length: up to the end for HTTP/1.0', `${OK}\r\nok`, /^(?!.*Transfer-).*\r\nConnection: close\r\n\r\nok$/s, {
    request: OLD_KEPT,
    ends: true,
  }),
  passed('RFC 9112, 6.3', 'more than the length', `${SIZED}${SMUGGLED}`, /^(?!.*smuggled)/s, { reused: false }),
  passed('RFC 9112, 6.3', 'more than the chunks', `${CHUNKED}0\r\n\r\n${SMUGGLED}`, /^(?!.*smuggled)/s, { reused: false }),
  passed('RFC 9112, 7.1', 'chunks', `${CHUNKED}2;a="b\\"c"\r\nok\r\n0\r\n\r\n`, /\r\n\r\n(2\r\nok|1\r\no\r\n1\r\nk)\r\n0\r\n\r\nHTTP/),
  passed(
    'RFC 9112, 7.1',
    'chunks for HTTP/1.0',
    `${OK}Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n`,
    /^(?!.*(Transfer-|Trailer)).*\r\n\r\nok$/s,
    { request: OLD },
  ),
  passed(
    'RFC 9112, 6.1',
    'chunks from HTTP/1.0',
    `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    /\r\n0\r\n\r\nHTTP/,
    { reused: false },
  ),
  passed(
    'RFC 9110, 6.6.2',
    'trailers that are announced',
    `${OK}Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n`,
    /\r\nTrailer: X\r\n[\s\S]*\r\n\r\n0\r\nX: y\r\n\r\nHTTP/,
  ),
  passed(
    'RFC 9110, 6.5.1',
    'trailers that frame the next answer',
    `${CHUNKED}0\r\nConnection: close\r\nSet-Cookie: a\r\nX: y\r\n\r\n`,
    /\r\n\r\n0\r\nX: y\r\n\r\nHTTP/,
  ),
  passed(
    'WHATWG HTML, 9.2',
    'event stream',
    `${OK}Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\r\n\r\n0\r\n\r\n`,
    /\r\n0\r\n\r\nHTTP/,
  ),
  passed(
    'RFC 2068, 19.7.1',
    'an idle limit shorter than is worth it',
    `${OK}Keep-Alive: max=9, timeout=1x\r\nContent-Length: 0\r\n\r\n`,
    /\r\n\r\nHTTP/,
    { reused: false },
  ),
  passed(
    'RFC 2068, 19.7.1',
    'an idle limit without end',
    `${OK}Keep-Alive: timeout=99999999999999999999\r\nContent-Length: 0\r\n\r\n`,
    /\r\n\r\nHTTP/,
  ),
  cut('RFC 9112, 8', 'less than the length', `${OK}Content-Length: 5\r\n\r\nok`, /\r\n\r\nok$/, { ends: true }),
  cut('RFC 9112, 8', 'chunks without end', `${CHUNKED}2\r\nok\r\n`, /^(?!.*\r\n0\r\n)/s, { ends: true }),
  cut('RFC 9112, 7.1', 'malformed chunk', `${CHUNKED}2\r\nok\r\nzz\r\n`, /^(?!.*\r\n0\r\n)/s),
  cut('RFC 9112, 7.1', 'malformed chunk for HTTP/1.0', `${CHUNKED}2\r\nok\r\nzz\r\n`, /^/, { request: OLD }),
  cut('RFC 9112, 7.1.2', 'length in the trailer', `${CHUNKED}0\r\nContent-Length: 2\r\n\r\n`, /^(?!.*\r\n0\r\n)/s),
];

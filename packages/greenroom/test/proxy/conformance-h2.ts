/** Requests as RFC 9113 has them, or not: what a strict recipient makes of each. */
import { REFUSAL, type Refusal } from '../../src/proxy/splice/refusals.ts';
import { block, FLAG, FRAME, frame } from './h2-frames.ts';

type Frames = (stream: number) => Buffer[];

export interface H2Case {
  /** Where the RFC says it. */
  section: string;
  name: string;
  /** What the client sends for the request with this number. */
  frames: Frames;
  /**
   * `reset`: the request is malformed, the connection goes on. `goaway`: the whole connection is ended for it. Or why it is refused with 400; or what the app
   * gets of it.
   */
  outcome: 'reset' | 'goaway' | { refused: Refusal } | { app: RegExp };
}

const SCHEME = [':scheme', 'https'];
const AUTHORITY = [':authority', 'a'];
const PATH = [':path', '/'];
const GET = [':method', 'GET', ...SCHEME, ...AUTHORITY, ...PATH];
const POST = [':method', 'POST', ...SCHEME, ...AUTHORITY, ...PATH];

const head =
  (...raw: string[]): Frames =>
  (stream) => [frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, block(...raw))];
const posted =
  (raw: string[], ...data: string[]): Frames =>
  (stream) => [
    frame(FRAME.headers, FLAG.endHeaders, stream, block(...raw)),
    ...data.map((text, at) => frame(FRAME.data, at === data.length - 1 ? FLAG.endStream : 0, stream, text)),
  ];
const malformed = (section: string, name: string, frames: Frames): H2Case => ({ section, name, frames, outcome: 'reset' });
const ended = (section: string, name: string, frames: Frames): H2Case => ({ section, name, frames, outcome: 'goaway' });
const refused = (section: string, name: string, frames: Frames, reason: keyof typeof REFUSAL): H2Case => ({
  section,
  name,
  frames,
  outcome: { refused: REFUSAL[reason] },
});
const taken = (section: string, name: string, frames: Frames, app: RegExp): H2Case => ({ section, name, frames, outcome: { app } });
/** node:http2 drops a malformed field without a word, and gives the rest on: the app must see nothing of it. */
const dropped = (section: string, name: string, field: string, value: string): H2Case =>
  taken(
    section,
    name,
    head(...GET, field, value, 'kept', 'k'),
    /^GET \/ HTTP\/1\.1\r\nHost: a\r\nkept: k\r\nX-Forwarded-For: [^\r]+\r\nX-Forwarded-Proto: https\r\n/,
  );
const trailers =
  (flags: number, ...raw: string[]): Frames =>
  (stream) => [
    ...posted(POST)(stream),
    frame(FRAME.data, 0, stream, 'hi'),
    frame(FRAME.headers, FLAG.endHeaders | flags, stream, block(...raw)),
  ];

export const H2_CASES: readonly H2Case[] = [
  ended('RFC 9113, 4.1', 'DATA before any request', (stream) => [frame(FRAME.data, 0, stream, 'hi')]),
  ended('RFC 9113, 4.2', 'frame larger than is allowed', (stream) => [
    frame(FRAME.headers, FLAG.endHeaders, stream, block(...GET, 'x', 'y'.repeat(20_000))),
  ]),
  ended('RFC 9113, 4.3', 'header block that is none', (stream) => [
    frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, '\xff\xff\xff\xff\xff'),
  ]),
  ended('RFC 9113, 5.1', 'DATA behind the end of the request', (stream) => [...head(...GET)(stream), frame(FRAME.data, 0, stream, 'hi')]),
  ended('RFC 9113, 5.1.1', 'stream that only a server may open', (stream) => [
    frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream + 1, block(...GET)),
  ]),
  ended('RFC 9113, 6.6', 'push by a client', (stream) => [frame(FRAME.pushPromise, FLAG.endHeaders, stream, '\0\0\0\x02')]),
  ended('RFC 9113, 6.10', 'CONTINUATION of nothing', (stream) => [frame(FRAME.continuation, FLAG.endHeaders, stream, block('x', 'y'))]),
  ended('RFC 9113, 6.10', 'another frame within a header block', (stream) => [
    frame(FRAME.headers, 0, stream, block(...GET)),
    ...head(...GET)(stream),
  ]),
  taken(
    'RFC 9113, 6.10',
    'header block in two frames',
    (stream) => [
      frame(FRAME.headers, FLAG.endStream, stream, block(...GET)),
      frame(FRAME.continuation, FLAG.endHeaders, stream, block('x', 'y')),
    ],
    /^GET \/ HTTP\/1\.1\r\nHost: a\r\nx: y\r\n/,
  ),
  taken('RFC 9113, 8.1', 'a request', head(...GET), /^GET \/ HTTP\/1\.1\r\nHost: a\r\n/),
  taken('RFC 9113, 8.1', 'a body without length', posted(POST, 'hi'), /\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n$/),
  taken('RFC 9113, 8.1', 'trailers', trailers(FLAG.endStream, 'x', 'y'), /\r\n2\r\nhi\r\n0\r\nx: y\r\n\r\n$/),
  malformed('RFC 9113, 8.1', 'second head in the middle', trailers(0, 'x', 'y')),
  malformed('RFC 9113, 8.1', 'pseudo-header in the trailers', trailers(FLAG.endStream, ':path', '/b')),
  malformed('RFC 9113, 8.1.1', 'length of a request without body', head(...POST, 'content-length', '2')),
  malformed('RFC 9113, 8.1.1', 'less than the length', posted([...POST, 'content-length', '3'], 'hi')),
  ended(
    'RFC 9113, 8.1.1',
    'a request behind the length',
    posted([...POST, 'content-length', '2'], 'hi', 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'),
  ),
  malformed('RFC 9113, 8.1.1', 'two lengths', posted([...POST, 'content-length', '2', 'content-length', '2'], 'hi')),
  malformed('RFC 9113, 8.1.1', 'list of lengths', posted([...POST, 'content-length', '2, 2'], 'hi')),
  malformed('RFC 9113, 8.1.1', 'sign of a length', posted([...POST, 'content-length', '+2'], 'hi')),
  taken(
    'RFC 9113, 8.1.1',
    'body by its length',
    posted([...POST, 'content-length', '2'], 'h', 'i'),
    /\r\ncontent-length: 2\r\n[\s\S]*\r\n\r\nhi$/i,
  ),
  malformed('RFC 9113, 8.2', 'name in capitals', head(...GET, 'X', 'b')),
  dropped('RFC 9113, 8.2.1', 'space in a name', 'x y', 'b'),
  dropped('RFC 9113, 8.2.1', 'colon in a name', 'x:y', 'b'),
  dropped('RFC 9113, 8.2.1', 'line end in a name', 'x: a\r\ny', 'b'),
  dropped('RFC 9113, 8.2.1', 'byte above ASCII in a name', 'f\xe9o', 'b'),
  dropped('RFC 9113, 8.2.1', 'no name', '', 'b'),
  dropped('RFC 9113, 8.2.1', 'line end in a value', 'x', 'a\r\nHost: b'),
  dropped('RFC 9113, 8.2.1', 'LF in a value', 'x', 'a\ntransfer-encoding: chunked'),
  dropped('RFC 9113, 8.2.1', 'CR in a value', 'x', 'a\rb'),
  dropped('RFC 9113, 8.2.1', 'NUL in a value', 'x', 'a\0b'),
  dropped('RFC 9110, 5.5', 'control character in a value', 'x', 'a\x01b'),
  dropped('RFC 9113, 8.2.1', 'space before a value', 'x', ' a'),
  dropped('RFC 9113, 8.2.1', 'tab behind a value', 'x', 'a\t'),
  malformed('RFC 9113, 8.2.2', 'Connection', head(...GET, 'connection', 'close')),
  malformed('RFC 9113, 8.2.2', 'Keep-Alive', head(...GET, 'keep-alive', 'timeout=5')),
  malformed('RFC 9113, 8.2.2', 'Proxy-Connection', head(...GET, 'proxy-connection', 'close')),
  malformed('RFC 9113, 8.2.2', 'Transfer-Encoding', posted([...POST, 'transfer-encoding', 'chunked'], '0\r\n\r\nGET /smuggled')),
  malformed('RFC 9113, 8.2.2', 'Upgrade', head(...GET, 'upgrade', 'websocket')),
  malformed('RFC 9113, 8.2.2', 'TE other than trailers', head(...GET, 'te', 'gzip')),
  taken('RFC 9113, 8.2.2', 'TE', head(...GET, 'te', 'trailers'), /\r\nConnection: TE\r\nTE: trailers\r\n/),
  taken('RFC 9113, 8.2.3', 'cookies in pieces', head(...GET, 'cookie', 'a=1', 'x', 'y', 'cookie', 'b=2'), /\r\ncookie: a=1; b=2\r\n/),
  malformed('RFC 9113, 8.3', 'pseudo-header behind a field', head(...GET.slice(0, -2), 'cookie', 'a=1', ...PATH)),
  malformed('RFC 9113, 8.3', 'pseudo-header twice', head(...GET, ...PATH)),
  malformed('RFC 9113, 8.3', 'unknown pseudo-header', head(...GET, ':x', 'y')),
  malformed('RFC 9113, 8.3', 'pseudo-header of an answer', head(...GET, ':status', '200')),
  malformed('RFC 9113, 8.3.1', 'no method', head(...SCHEME, ...AUTHORITY, ...PATH)),
  malformed('RFC 9113, 8.3.1', 'no scheme', head(':method', 'GET', ...AUTHORITY, ...PATH)),
  malformed('RFC 9113, 8.3.1', 'no path', head(':method', 'GET', ...SCHEME, ...AUTHORITY)),
  malformed('RFC 9113, 8.3.1', 'empty path', head(':method', 'GET', ...SCHEME, ...AUTHORITY, ':path', '')),
  malformed('RFC 9113, 8.3.1', 'path without a slash', head(':method', 'GET', ...SCHEME, ...AUTHORITY, ':path', 'b')),
  malformed('RFC 9113, 8.3.1', 'absolute form as a path', head(':method', 'GET', ...SCHEME, ...AUTHORITY, ':path', 'https://a/')),
  malformed('RFC 9113, 8.3.1', 'request in a path', head(':method', 'GET', ...SCHEME, ...AUTHORITY, ':path', '/ HTTP/1.1\r\nx: y')),
  malformed('RFC 9113, 8.3.1', 'space in a path', head(':method', 'GET', ...SCHEME, ...AUTHORITY, ':path', '/a b')),
  malformed('RFC 9113, 8.3.1', 'star without OPTIONS', head(':method', 'GET', ...SCHEME, ...AUTHORITY, ':path', '*')),
  taken('RFC 9113, 8.3.1', 'star', head(':method', 'OPTIONS', ...SCHEME, ...AUTHORITY, ':path', '*'), /^OPTIONS \* HTTP\/1\.1\r\n/),
  refused('RFC 9113, 8.3.1', 'fragment', head(':method', 'GET', ...SCHEME, ...AUTHORITY, ':path', '/#a'), 'fragment'),
  malformed(
    'RFC 9113, 8.3.1',
    'space in a method',
    head(':method', 'GET /x HTTP/1.1\r\nHost: b\r\n\r\nGET', ...SCHEME, ...AUTHORITY, ...PATH),
  ),
  refused('RFC 9110, 9.1', 'unknown method', head(':method', 'FOO', ...SCHEME, ...AUTHORITY, ...PATH), 'method'),
  malformed('RFC 9113, 8.3.1', 'neither authority nor Host', head(':method', 'GET', ...SCHEME, ...PATH)),
  taken('RFC 9113, 8.3.1', 'Host alone', head(':method', 'GET', ...SCHEME, ...PATH, 'host', 'b'), /^GET \/ HTTP\/1\.1\r\nHost: b\r\n/),
  taken('RFC 9113, 8.3.1', 'Host as the authority', head(...GET, 'host', 'A'), /^GET \/ HTTP\/1\.1\r\nHost: a\r\n(?!.*host:)/s),
  malformed('RFC 9113, 8.3.1', 'Host other than the authority', head(...GET, 'host', 'b')),
  malformed('RFC 9113, 8.3.1', 'Host twice', head(...GET, 'host', 'a', 'host', 'a')),
  malformed('RFC 9113, 8.3.1', 'user in the authority', head(':method', 'GET', ...SCHEME, ':authority', 'u@a', ...PATH)),
  malformed('RFC 9113, 8.3.1', 'line end in the authority', head(':method', 'GET', ...SCHEME, ':authority', 'a\r\nx: y', ...PATH)),
  malformed('RFC 9113, 8.5', 'CONNECT', head(':method', 'CONNECT', ...AUTHORITY)),
  malformed(
    'RFC 8441, 4',
    'CONNECT for a protocol',
    head(':method', 'CONNECT', ':protocol', 'websocket', ...SCHEME, ...AUTHORITY, ...PATH),
  ),
  taken(
    'RFC 7239, 4',
    'what a client says of forwarding',
    head(...GET, 'forwarded', 'for=b', 'x-forwarded-for', 'b', 'x_forwarded_proto', 'b', 'content_length', '5'),
    /^(?!.*(=b|: b|_l))/s,
  ),
];

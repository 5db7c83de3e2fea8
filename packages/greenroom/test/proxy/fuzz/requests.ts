/** Generates what comes on one connection of a client: a few requests, valid or nearly so, with the known tricks of request smuggling. */
import { mutate, type Random } from './random.ts';

const METHODS = ['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'get', 'CONNECT', 'FOO', ''];
const TARGETS = [
  '/',
  '/a',
  '/a?b=c',
  '/%00',
  '//a',
  '/a#b',
  '*',
  'http://a/x',
  'http://b/x',
  'http://a',
  'HTTP://A?q',
  'a:80',
  '/\xe4',
  '/a b',
  '',
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ''];
const HOSTS = [
  'Host: a',
  'Host: a',
  'Host: a',
  'host:a',
  'HOST: a:80',
  'Host: [::1]:8',
  'Host: b',
  'Host: ',
  'Host : a',
  'Host: a/b',
  'Host: a\r\nHost: a',
  '',
];
const OTHERS = [
  ...['X: y', 'X:', 'X: \xe4', 'Accept: */*', 'Cookie: a=b; c=d', 'Connection: close', 'Connection: keep-alive', 'Connection: X, close'],
  ...[
    'Connection: content-length',
    'Connection: transfer-encoding',
    'Connection: host',
    'X: a\r\n b',
    'X: a\r\n\tb',
    ' X: y',
    'X : y',
    'X',
    ': y',
  ],
  ...['X: a\0b', 'X: a\rb', 'X: a\nb', 'X_Y: z', 'Content_Length: 3', 'Transfer_Encoding: chunked', 'Content-Length\0: 3', 'X(: y'],
  ...[
    'Upgrade: websocket',
    'Upgrade: h2c',
    'TE: trailers',
    'Trailer: X',
    'Expect: 100-continue',
    'Expect: x',
    'X-Forwarded-For: 1',
    'Keep-Alive: 3',
    'Date: now',
    'Content-Type: a/b',
    'Proxy-Connection: close',
  ],
];
/** More headers than anybody reads, in few bytes. */
const MANY = 'b:\r\n'.repeat(3_001);
/** Each with the framing that some recipient might see in it. */
const LENGTHS = [
  ...['Content-Length: N', 'Content-Length: N', 'Content-Length: N', 'content-length:N', 'Content-Length: +N', 'Content-Length: -N'],
  ...[
    'Content-Length: 0N',
    'Content-Length: 0xN',
    'Content-Length: N, N',
    'Content-Length: N\r\nContent-Length: N',
    'Content-Length: N\r\nContent-Length: 0',
  ],
  ...[
    'Content-Length: N ',
    'Content-Length: \tN',
    'Content-Length : N',
    'Content-Length: N a',
    'Content-Length:',
    'Content-Length: 99999999999999999999',
  ],
  ...[
    'Content-Length: 1 0',
    'Content-Length: N\x0b',
    'Content-Length:\r\n N',
    'X: y\nContent-Length: N',
    'Content-Length: N.0',
    'Content-Length: 1e1',
  ],
];
const CODINGS = [
  ...[
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked',
    'transfer-encoding:CHUNKED',
    'Transfer-Encoding: xchunked',
  ],
  ...[
    'Transfer-Encoding : chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: chunked, chunked',
  ],
  ...['Transfer-Encoding: \x0bchunked', 'Transfer-Encoding:\tchunked', 'Transfer-Encoding: "chunked"', 'Transfer-Encoding: chunked;q=1'],
  ...[
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
    'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding:\r\n chunked',
  ],
  ...[
    'X: y\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked ',
    'Transfer-Encoding: ,chunked',
    'Transfer-Encoding:',
    'Transfer-Encoding: chunk\xe9d',
  ],
];
const SIZES = [
  'S',
  'S',
  'S',
  'S',
  '0S',
  '00000000000000S',
  '0xS',
  '+S',
  ' S',
  'S ',
  'S\t',
  'S;a',
  'S;a=b',
  'S;a="b"',
  'S;a="\\""',
  'S;',
  'S;\n',
  'S;a\rb',
  'S;a=";',
  '1S',
  '',
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '', 'XX\r\n'];
const TRAILERS = [
  '',
  '',
  '',
  '',
  'X: y\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: b\r\n',
  'X: y\r\n z\r\n',
  'X: y\n',
  ' X: y\r\n',
  'X\r\n',
];
const BODIES = [
  'hello',
  '',
  'x',
  '0\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  'abcdefghijklmnopqrstuvwxyz',
];

export function generateRequests(random: Random): string {
  let text = '';
  const tame = random.chance(0.5);
  for (let left = 1 + random.below(4); left > 0; left -= 1) text += one(random, tame ? 0.03 : 0.2);
  if (random.chance(0.03)) text = `\r\n${text}`;
  if (!tame && random.chance(0.4)) text = mutate(random, text);
  return text;
}

/** `odd` is how probable it is that a part is taken from all that there are, and not from the first ones, which are usual. */
function one(random: Random, odd: number): string {
  const from = (list: readonly string[], usual: number): string => random.pick(random.chance(odd) ? list : list.slice(0, usual));
  const end = (): string => from(ENDS, 1);
  const method = from(METHODS, 8);
  const version = from(VERSIONS, 4);
  let head = `${method} ${from(TARGETS, 3)} ${version}${end()}${from(HOSTS, 4)}${end()}`;
  for (let left = random.below(4); left > 0; left -= 1) head += from(OTHERS, 7) + end();
  if (random.chance(0.003)) head += MANY;
  const framing = random.below(random.chance(odd) ? 4 : 3);
  const data = random.pick(BODIES);
  const length = random.chance(odd) ? data.length + random.below(5) - 2 : data.length;
  const sized = from(LENGTHS, 3).replaceAll('N', String(length));
  const coded = from(CODINGS, 3);
  if (framing === 0) return `${head}${end()}`;
  if (framing === 1) return `${head}${sized}${end()}${end()}${data}`;
  const both = random.chance(0.5) ? [sized, coded] : [coded, sized];
  const lines = framing === 2 ? coded : `${both[0]}${end()}${both[1]}`;
  return `${head}${lines}${end()}${end()}${chunks(random, data, from, end)}`;
}

function chunks(random: Random, data: string, from: (list: readonly string[], usual: number) => string, end: () => string): string {
  let text = '';
  for (let at = 0; at < data.length; ) {
    const part = data.slice(at, at + 1 + random.below(data.length));
    text += `${from(SIZES, 4).replace('S', part.length.toString(16))}${end()}${part}${end()}`;
    at += part.length;
  }
  return `${text}${from(SIZES, 4).replace('S', '0')}${end()}${from(TRAILERS, 5)}${end()}`;
}

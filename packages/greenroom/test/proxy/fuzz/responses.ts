/** Generates what an app answers on its connection: valid, nearly so, cut short, or with more behind it. */
import { mutate, type Random } from './random.ts';

const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2', 'http/1.1', 'ICY'];
const STATUSES = [
  '200 OK',
  '200 OK',
  '404 Not Found',
  '204 No Content',
  '304 Not Modified',
  '200',
  '200 ',
  '500 \xe4',
  '999 X',
  '099 X',
  '20 X',
  '2000 X',
  '+20 X',
  '200\tOK',
];
const INTERIM = [
  '',
  '',
  '',
  '',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
];
const OTHERS = [
  ...[
    'X: y',
    'Date: now',
    'Set-Cookie: a',
    'Connection: close',
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'Content-Type: text/event-stream',
  ],
  ...[
    'Trailer: X',
    'Connection: content-length',
    'X: a\r\n b',
    'X : y',
    'X',
    ': y',
    'X: a\0b',
    'X: a\rb',
    'X: a\nb',
    'X: \x7f',
    'Upgrade: x',
  ],
  ...[
    'Host: a',
    'TE: trailers',
    'Expect: 100-continue',
    'Cookie: a=b',
    'Proxy-Connection: close',
    'X-Forwarded-For: 1',
    'Transfer_Encoding: chunked',
  ],
];
/** More headers than anybody reads, in few bytes. */
const MANY = 'b:\r\n'.repeat(3_001);
const LENGTHS = [
  'N',
  'N',
  'N',
  '+N',
  'N, N',
  'N\r\nContent-Length: N',
  'N\r\nContent-Length: 1',
  '-1',
  '',
  '0xN',
  'N ',
  '99999999999999999999',
];
const CODINGS = [
  'chunked',
  'chunked',
  'Chunked',
  'gzip, chunked',
  'chunked, chunked',
  'identity',
  'gzip',
  'chunked\r\nTransfer-Encoding: chunked',
  '',
  'xchunked',
  '"chunked"',
];
const SIZES = ['S', 'S', 'S', 'S;a=b', 'S;a="b\\""', '0S', 'S ', 'S;', '0xS', '-S', 'S;a\n', ''];
const ENDS = ['\r\n', '\r\n', '\r\n', '\n', '\r', '', '\r\r\n'];
const TRAILERS = ['', '', 'X: y\r\n', 'Content-Length: 1\r\n', 'X\r\n', 'X: y\n'];
const BODIES = ['hello', '', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '0\r\n\r\n', 'abcdefghijklmnopqrstuvwxyz'];

export function generateResponse(random: Random): string {
  const odd = random.chance(0.5) ? 0.02 : 0.2;
  const from = (list: readonly string[], usual: number): string => random.pick(random.chance(odd) ? list : list.slice(0, usual));
  const end = (): string => from(ENDS, 3);
  let text = from(INTERIM, 6);
  text += `${from(VERSIONS, 4)} ${from(STATUSES, 6)}${end()}`;
  for (let left = random.below(4); left > 0; left -= 1) text += from(OTHERS, 7) + end();
  if (random.chance(0.003)) text += MANY;
  const body = random.pick(BODIES);
  const framing = random.below(random.chance(odd) ? 4 : 3);
  if (framing === 1 || framing === 3) text += `Content-Length: ${from(LENGTHS, 3).replaceAll('N', String(body.length))}${end()}`;
  if (framing === 2 || framing === 3) text += `Transfer-Encoding: ${from(CODINGS, 3)}${end()}`;
  text += end();
  text += framing < 2 ? body : chunked(random, body, from, end);
  if (random.chance(0.1)) text += random.pick(['\r\n', 'x', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong']);
  if (odd > 0.1 && random.chance(0.4)) text = mutate(random, text);
  return random.chance(0.15) ? text.slice(0, random.below(text.length + 1)) : text;
}

function chunked(random: Random, data: string, from: (list: readonly string[], usual: number) => string, end: () => string): string {
  let text = '';
  for (let at = 0; at < data.length; ) {
    const part = data.slice(at, at + 1 + random.below(data.length));
    text += `${from(SIZES, 4).replace('S', part.length.toString(16))}${end()}${part}${end()}`;
    at += part.length;
  }
  return `${text}0${end()}${from(TRAILERS, 3)}${end()}`;
}

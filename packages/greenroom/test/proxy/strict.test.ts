import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { parseRequest } from '../../src/proxy/splice/request-head.ts';
import { fetchOnce, rawExchange, startApp, startProxyRig, targetOf, until } from './rig.ts';

const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const GET = 'GET / HTTP/1.1\r\n';
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

/** Each must be answered 400, with the connection closed, and nothing that follows may be taken for a request. */
const REFUSED: Record<string, string> = {
  'Content-Length and Transfer-Encoding': `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'Transfer-Encoding and Content-Length': `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
  'repeated Content-Length': `${POST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`,
  'list in Content-Length': `${POST}Content-Length: 0,0\r\n\r\n`,
  'sign in Content-Length': `${POST}Content-Length: +0\r\n\r\n`,
  'negative Content-Length': `${POST}Content-Length: -1\r\n\r\n`,
  'hex Content-Length': `${POST}Content-Length: 0x0\r\n\r\n`,
  'empty Content-Length': `${POST}Content-Length: \r\n\r\n`,
  'space in Content-Length': `${POST}Content-Length: 1 0\r\n\r\n`,
  'huge Content-Length': `${POST}Content-Length: 99999999999999999999\r\n\r\n`,
  'unknown coding': `${POST}Transfer-Encoding: gzip\r\n\r\n`,
  'coding before chunked': `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'chunked twice': `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'two Transfer-Encoding': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  'misspelt chunked': `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'vertical tab before chunked': `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'Transfer-Encoding in HTTP/1.0': 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'bare LF after the request line': `GET / HTTP/1.1\nHost: a\r\n\r\n`,
  'bare LF after a header': `${GET}Host: a\nX: b\r\n\r\n`,
  'bare LF at the end of the head': `${GET}Host: a\r\n\n`,
  'bare CR in a value': `${GET}Host: a\r\nX: b\rc\r\n\r\n`,
  'space before the colon': `${GET}Host : a\r\n\r\n`,
  'folded line': `${GET}Host: a\r\nX: b\r\n c\r\n\r\n`,
  'folded line with tab': `${GET}Host: a\r\nX: b\r\n\tc\r\n\r\n`,
  'space before the first header': `${GET} X: b\r\nHost: a\r\n\r\n`,
  'NUL in a value': `${GET}Host: a\r\nX: b\0c\r\n\r\n`,
  'control character in a value': `${GET}Host: a\r\nX: b\x01c\r\n\r\n`,
  'DEL in a value': `${GET}Host: a\r\nX: b\x7fc\r\n\r\n`,
  'empty header name': `${GET}Host: a\r\n: x\r\n\r\n`,
  'header without colon': `${GET}Host: a\r\nfoo\r\n\r\n`,
  'bad header name': `${GET}Host: a\r\nf(o: x\r\n\r\n`,
  'no Host': `${GET}\r\n`,
  'two Hosts': `${GET}Host: a\r\nHost: a\r\n\r\n`,
  'empty Host': `${GET}Host: \r\n\r\n`,
  'malformed Host': `${GET}Host: a/b\r\n\r\n`,
  'Host with quote': `${GET}Host: a"b\r\n\r\n`,
  'target of another host': 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'target with user': 'GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n',
  'relative target': 'GET foo HTTP/1.1\r\nHost: a\r\n\r\n',
  'star without OPTIONS': 'GET * HTTP/1.1\r\nHost: a\r\n\r\n',
  'fragment in the target': 'GET /#a HTTP/1.1\r\nHost: a\r\n\r\n',
  'control character in the target': 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n',
  CONNECT: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n',
  'HTTP/2.0': 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
  'HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'HTTP/0.9': 'GET /\r\n\r\n',
  'HTTP/1.2': 'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
  'unknown method': 'FOO / HTTP/1.1\r\nHost: a\r\n\r\n',
  'hex prefix in chunk size': `${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n`,
  'negative chunk size': `${CHUNKED}-1\r\n\r\n`,
  'huge chunk size': `${CHUNKED}fffffffffffffffff\r\n\r\n`,
  'space after chunk size': `${CHUNKED}5 \r\nhello\r\n0\r\n\r\n`,
  'LF after chunk size': `${CHUNKED}5\nhello\r\n0\r\n\r\n`,
  'LF after chunk': `${CHUNKED}5\r\nhello\n0\r\n\r\n`,
  'chunk longer than its size': `${CHUNKED}5\r\nhelloXX0\r\n\r\n`,
  'empty chunk size': `${CHUNKED}\r\n\r\n`,
  'Content-Length in the trailer': `${CHUNKED}0\r\nContent-Length: 3\r\n\r\n`,
};

test('what is not plain HTTP/1.1 is answered 400 and the connection closed', async (t) => {
  const proxy = await startProxyRig(t);
  const seen: string[] = [];
  const whole: string[] = [];
  const app = await startApp(t, 'i1', (request, response) => {
    seen.push(request.url ?? '');
    request.resume().on('end', () => {
      whole.push(request.url ?? '');
      response.end('the app');
    });
  });
  await proxy.route(targetOf(app));
  for (const [name, bytes] of Object.entries(REFUSED)) {
    await t.test(name, async () => {
      whole.length = 0;
      const answer = await rawExchange(proxy.port, bytes + SMUGGLED);
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
      assert.match(answer, /\r\nConnection: close\r\n/i);
      assert.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, `more than one answer: ${answer}`);
      assert.deepEqual(whole, []);
    });
  }
  assert.ok(!seen.includes('/smuggled'));
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'the app');
  await until(async () => (await proxy.inFlight('i1')).requests === 0);
});

test('a request whose target agrees with Host is taken, in origin form', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => response.end(`${request.url} ${request.headers.host}`));
  await proxy.route(targetOf(app));
  const answer = await rawExchange(proxy.port, 'GET http://A.example:80?q=1 HTTP/1.1\r\nHost: a.example:80\r\nConnection: close\r\n\r\n');
  assert.match(answer, /\/\?q=1 a\.example:80$/);
});

test('a request that is followed by rubbish gets its answer', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (_, response) => setTimeout(() => response.end('the app'), 50));
  await proxy.route(targetOf(app));
  const answer = await rawExchange(proxy.port, `${GET}Host: a\r\n\r\nrubbish\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /the app/);
  assert.doesNotMatch(answer, /400/);
});

test('a head that is too large is answered 431', async (t) => {
  const proxy = await startProxyRig(t);
  const answer = await rawExchange(proxy.port, `${GET}Host: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 431 /);
});

test('every header is passed on, however many there are', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) =>
    response.end(String(request.rawHeaders.filter((name) => name === 'b').length)),
  );
  app.server.maxHeadersCount = 0;
  await proxy.route(targetOf(app));
  const answer = await rawExchange(proxy.port, `${GET}Host: a\r\nConnection: close\r\n${'b:1\r\n'.repeat(2_200)}\r\n`);
  assert.match(answer, /2200$/);
});

test('a Connection that names thousands of headers takes no time worth speaking of', () => {
  const names = Array.from({ length: 30_000 }, (_, i) => `x-${i.toString(36)}`);
  const lines = names.slice(0, 2_500).map((name) => `${name}: 1\r\n`);
  const head = Buffer.from(`${GET}Host: a\r\nConnection: ${names.join(',')}\r\n${lines.join('')}X-Kept: 1\r\n\r\n`);
  const began = performance.now();
  const parsed = parseRequest(head, 0, head.length);
  assert.ok(performance.now() - began < 500);
  assert.ok(parsed.ok);
  assert.equal(parsed.head.fields, 'Host: a\r\nX-Kept: 1\r\n');
});

test('a body that turns out malformed is never complete for the app', async (t) => {
  const proxy = await startProxyRig(t);
  const ends: string[] = [];
  const app = await startApp(t, 'i1', (request) => {
    request.resume();
    request.on('end', () => ends.push('end'));
    request.on('error', () => ends.push('error'));
  });
  await proxy.route(targetOf(app));
  const socket = net.connect(proxy.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.write(`${CHUNKED}5\r\nhello\r\n`);
  await until(async () => (await proxy.inFlight('i1')).requests === 1);
  socket.write('zz\r\n');
  await until(() => ends.length > 0);
  assert.deepEqual(ends, ['error']);
  await until(() => answer.startsWith('HTTP/1.1 400'));
  socket.destroy();
});

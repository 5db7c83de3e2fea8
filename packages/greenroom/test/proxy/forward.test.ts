import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';
import { fetchOnce, rawExchange, startApp, startProxyRig, targetOf, until } from './rig.ts';
import { startSplice } from './splice-rig.ts';

const CLOSE = 'Connection: close\r\n';

test('the app is told who asked, and what the client says about it is dropped', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => response.end(JSON.stringify(request.headers)));
  await proxy.route(targetOf(app));
  const forged = {
    Host: 'shop.example:8080',
    Forwarded: 'for=6.6.6.6',
    'X-Forwarded-For': '6.6.6.6',
    'x-forwarded-proto': 'https',
    'X-Forwarded-Host': 'evil',
    'X-Forwarded-Port': '1',
    'X-Forwarded-Prefix': '/evil',
    'X-Real-IP': '6.6.6.6',
    X_Forwarded_For: '6.6.6.6',
    Content_Length: '5',
  };
  const headers = JSON.parse((await fetchOnce(proxy.port, '/', { headers: forged })).body);
  assert.equal(headers.host, 'shop.example:8080');
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['x-forwarded-host'], 'shop.example:8080');
  assert.equal(headers.forwarded, 'for=127.0.0.1;host="shop.example:8080";proto=http');
  for (const name of ['x-forwarded-port', 'x-forwarded-prefix', 'x-real-ip', 'x_forwarded_for', 'content_length']) {
    assert.equal(headers[name], undefined, name);
  }
});

test('the app is told before it reads what the client says: it may stop reading headers after so many', async (t) => {
  let seen = '';
  const { port } = await startSplice(t, (socket, text) => {
    seen = text;
    if (text.endsWith('\r\n\r\n')) socket.end('HTTP/1.1 204 No Content\r\n\r\n');
  });
  for (const client of [`Host: a\r\n${'a:\r\n'.repeat(2_000)}`, `${'a:\r\n'.repeat(1_000)}Host: a\r\n`]) {
    seen = '';
    await rawExchange(port, `GET / HTTP/1.1\r\n${client}${CLOSE}\r\n`);
    const own = [...seen.matchAll(/^(?:X-Forwarded-\w+|Forwarded):/gm)];
    assert.equal(own.length, 4);
    assert.ok(own.every(({ index }) => index < seen.indexOf('\r\na:')));
  }
});

test('an IPv6 client is named as RFC 7239 wants it', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => response.end(JSON.stringify(request.headers)));
  await proxy.route(targetOf(app));
  const headers = JSON.parse((await fetchOnce(proxy.port, '/', { host: '::1' })).body);
  assert.equal(headers['x-forwarded-for'], '::1');
  assert.match(headers.forwarded, /^for="\[::1\]";/);
});

test('hop-by-hop headers stay on their hop, both ways; others keep order, case and number', async (t) => {
  const proxy = await startProxyRig(t);
  let seen: string[] = [];
  const app = await startApp(t, 'i1', (request, response) => {
    seen = request.rawHeaders;
    response.writeHead(200, 'Fine', [
      ...['Set-Cookie', 'a=1', 'X-Upper', '1', 'set-cookie', 'b=2', 'Connection', 'x-hop, keep-alive', 'X-Hop', 'secret'],
      ...['Keep-Alive', 'timeout=77', 'Content-Length', '2'],
    ]);
    response.end('ok');
  });
  await proxy.route(targetOf(app));
  const request =
    'GET / HTTP/1.1\r\nhost: a\r\nX-A: 1\r\nx-a: 2\r\nConnection: close, X-Secret, Host\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nProxy: http://evil\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n';
  const answer = await rawExchange(proxy.port, request);
  assert.deepEqual(seen.slice(0, 6), ['host', 'a', 'X-A', '1', 'x-a', '2']);
  const names = seen.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  for (const name of ['x-secret', 'proxy-connection', 'proxy', 'upgrade', 'keep-alive']) assert.ok(!names.includes(name), name);
  assert.match(answer, /^HTTP\/1\.1 200 Fine\r\nSet-Cookie: a=1\r\nX-Upper: 1\r\nset-cookie: b=2\r\n/);
  assert.doesNotMatch(answer, /secret|timeout=77/);
});

test('bodies pass whole in both directions, chunked and by length', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => void request.pipe(response));
  await proxy.route(targetOf(app));
  const body = Buffer.alloc(3_000_000, 'abcdefg');
  for (const headers of [{ 'Transfer-Encoding': 'chunked' }, { 'Content-Length': body.length }]) {
    for (const method of ['POST', 'GET', 'DELETE']) {
      const { body: echoed } = await fetchOnce(proxy.port, '/', { method, headers, body });
      assert.equal(echoed.length, body.length);
      assert.ok(echoed === body.toString());
    }
  }
});

test('HEAD, 204 and 304 have no body and keep the connection in step', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => {
    if (request.url === '/204') response.writeHead(204).end();
    else if (request.url === '/304') response.writeHead(304, { ETag: '"x"', 'Content-Length': '99' }).end();
    else if (request.url === '/chunked') response.writeHead(200, { Trailer: 'X-T', 'Transfer-Encoding': 'chunked' }).end('body');
    else response.writeHead(200, { 'Content-Length': '4' }).end('body');
  });
  await proxy.route(targetOf(app));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const head = await fetchOnce(proxy.port, '/', { method: 'HEAD', agent });
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '4', '']);
  assert.equal((await fetchOnce(proxy.port, '/chunked', { method: 'HEAD', agent })).body, '');
  assert.equal((await fetchOnce(proxy.port, '/204', { agent })).status, 204);
  assert.equal((await fetchOnce(proxy.port, '/304', { agent })).headers['content-length'], '99');
  assert.equal((await fetchOnce(proxy.port, '/', { agent })).body, 'body');
});

test('trailers pass both ways, but not those that frame or address a message', async (t) => {
  const proxy = await startProxyRig(t);
  let seen: NodeJS.Dict<string> = {};
  const app = await startApp(t, 'i1', (request, response) => {
    request.resume().on('end', () => {
      seen = request.trailers;
      response.writeHead(200, { Trailer: 'X-Sum', TE: request.headers['te'] ?? '' });
      response.write('body');
      response.addTrailers({ 'X-Sum': '42' });
      response.end();
    });
  });
  await proxy.route(targetOf(app));
  const { trailers } = await fetchOnce(proxy.port, '/', {
    method: 'POST',
    headers: { 'Transfer-Encoding': 'chunked', TE: 'trailers', Trailer: 'X-Check' },
    body: 'hello',
    trailers: { 'X-Check': '1', 'X-Forwarded-For': '6.6.6.6', Authorization: 'x' },
  });
  assert.deepEqual({ ...seen }, { 'x-check': '1' });
  assert.deepEqual({ ...trailers }, { 'x-sum': '42' });
});

test('a trailer that is announced where none can follow does no harm', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => response.end(String(request.headers.trailer)));
  await proxy.route(targetOf(app));
  for (const method of ['GET', 'POST']) {
    const bytes = `${method} / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nContent-Length: 0\r\n${CLOSE}\r\n`;
    assert.match(await rawExchange(proxy.port, bytes), /undefined$/);
  }
});

test('the 100 of an expected continue comes from the app', async (t) => {
  const proxy = await startProxyRig(t);
  const server = http.createServer((request, response) => void request.pipe(response));
  const continued: (() => void)[] = [];
  server.on('checkContinue', (request, response) => {
    assert.equal(request.headers.expect, '100-continue');
    if (request.url === '/refuse') response.writeHead(413).end('too large');
    else {
      continued.push(() => {
        response.writeContinue();
        request.pipe(response);
      });
    }
  });
  const app = await startApp(t, 'i1', server);
  await proxy.route(targetOf(app));
  const head = 'HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n';

  const socket = net.connect(proxy.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.write(`POST / ${head}${CLOSE}\r\n`);
  await until(() => continued.length === 1);
  assert.equal(answer, '');
  continued[0]?.();
  await until(() => answer === 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('hello');
  await once(socket, 'close');
  assert.match(answer, /\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*hello/);

  const refused = await rawExchange(proxy.port, `POST /refuse ${head}\r\n`);
  assert.match(refused, /^HTTP\/1\.1 413 [\s\S]*\r\nConnection: close\r\n[\s\S]*too large/);
});

test('early hints pass before the answer', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (_, response) =>
    response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('ok')),
  );
  await proxy.route(targetOf(app));
  const answer = await rawExchange(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`);
  assert.match(answer, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
});

test('HTTP/1.0 is answered without chunks, and pipelined requests in order', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => {
    const answer = (): void => {
      response.write(`(${request.url}`);
      response.end(')');
    };
    setTimeout(answer, request.url === '/1' ? 100 : 0);
  });
  await proxy.route(targetOf(app));
  const old = await rawExchange(proxy.port, 'GET /old HTTP/1.0\r\n\r\n');
  assert.match(old, /\r\n\r\n\(\/old\)$/);
  assert.doesNotMatch(old, /chunked/i);
  const both = await rawExchange(proxy.port, `GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`);
  assert.ok(both.indexOf('/1') > 0 && both.indexOf('/1') < both.indexOf('/2'), both);
});

test('events and first bytes come through as they are written', async (t) => {
  const proxy = await startProxyRig(t);
  let send: (text: string) => void = () => assert.fail('no request came');
  const app = await startApp(t, 'i1', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    send = (text) => response.write(text);
  });
  await proxy.route(targetOf(app));
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: proxy.port, agent: false }, resolve).on('error', reject);
  });
  t.after(() => response.destroy());
  await until(async () => (await proxy.inFlight('i1')).streams === 1);
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    send(text);
    const [chunk] = await once(response, 'data');
    assert.equal(String(chunk), text);
  }
  response.destroy();
  await until(async () => (await proxy.inFlight('i1')).streams === 0);
});

test('a slow reader slows the app down: 200 MB pass in bounded memory, both ways', { timeout: 120_000 }, async (t) => {
  let peak = 0;
  let pid = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, pid ? residentBytes(pid) : 0);
  }, 20);
  // Hooks run in the order they were given: the watch ends before the process.
  t.after(() => clearInterval(watch));
  const proxy = await startProxyRig(t);
  pid = proxy.child.pid ?? 0;
  const size = 200 * 1024 * 1024;
  const piece = Buffer.alloc(1024 * 1024, 'x');
  let produced = 0;
  const app = await startApp(t, 'i1', (request, response) => {
    if (request.method === 'POST') {
      const hash = createHash('sha256');
      let received = 0;
      request.pause();
      setTimeout(() => request.resume(), 500);
      request.on('data', (chunk: Buffer) => {
        received += chunk.length;
        hash.update(chunk);
      });
      request.on('end', () => response.end(`${received} ${hash.digest('hex')}`));
      return;
    }
    response.writeHead(200, { 'Content-Length': size });
    const more = (): void => {
      while (produced < size) {
        produced += piece.length;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  await proxy.route(targetOf(app));

  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: proxy.port, agent: false }, resolve).on('error', reject);
  });
  let last = -1;
  await until(() => {
    const still = produced === last && produced > 0;
    last = produced;
    return still;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.ok(produced < size / 2, `the app produced ${produced} bytes that nobody read`);
  let received = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) received += chunk.length;
  assert.equal(received, size);

  const expected = createHash('sha256');
  const upload = http.request({ host: '127.0.0.1', port: proxy.port, agent: false, method: 'POST', headers: { 'Content-Length': size } });
  const answered = once(upload, 'response');
  for (let sent = 0; sent < size; sent += piece.length) {
    expected.update(piece);
    if (!upload.write(piece)) await once(upload, 'drain');
  }
  upload.end();
  const [answer] = (await answered) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += chunk;
  assert.equal(text, `${size} ${expected.digest('hex')}`);
  t.diagnostic(`peak memory of the proxy: ${Math.round(peak / 1e6)} MB`);
  assert.ok(peak < 200e6, `the proxy grew to ${peak} bytes`);
});

function residentBytes(pid: number): number {
  const { readFileSync } = process.getBuiltinModule('node:fs');
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}

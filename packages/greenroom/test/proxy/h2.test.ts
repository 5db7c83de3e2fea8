import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import test, { type TestContext } from 'node:test';
import { requestHead } from '../../src/proxy/h2/request-bytes.ts';
import { writeCertificate } from './certificates.ts';
import { freePort, type ProxyRig, startApp, startProxyRig, targetOf, until } from './rig.ts';

interface Answer {
  headers: IncomingHttpHeaders & { ':status'?: number };
  body: string;
  trailers: IncomingHttpHeaders;
}

/** Rejects when the stream is reset. */
function ask(session: ClientHttp2Session, headers: Record<string, string | string[]>, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':authority': 'shop.example', ...headers }, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    let answer: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on('response', (got) => {
      answer = got;
    });
    stream.on('trailers', (got) => {
      trailers = got;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('close', () => resolve({ headers: answer, body: Buffer.concat(chunks).toString(), trailers }));
    if (body !== undefined) stream.end(body);
  });
}

async function start(
  t: TestContext,
  workers = 1,
): Promise<{ rig: ProxyRig; port: number; session: ClientHttp2Session; events: () => number }> {
  const rig = await startProxyRig(t, workers);
  const port = await freePort();
  const { certificate, key } = writeCertificate(rig.dir, ['shop.example']);
  const body = { port: await freePort(), routes: [{ port, host: 'shop.example', tls: { certificate, key } }] };
  assert.equal((await rig.control('PUT', '/apps/shop', body)).status, 200);
  let open = 0;
  const app = await startApp(t, 'i1', (request, response) => {
    if (request.url === '/echo') request.pipe(response);
    else if (request.url === '/headers') response.end(JSON.stringify({ ...request.headers, raw: request.rawHeaders.length }));
    else if (request.url === '/none') response.writeHead(204).end();
    else if (request.url === '/trailers') {
      response.writeHead(200, { Trailer: 'X-Sum' });
      response.write('a');
      response.addTrailers({ 'X-Sum': '1' });
      response.end();
    } else if (request.url === '/cut') response.writeHead(200, { 'Content-Length': '10' }).write('abc', () => response.destroy());
    else if (request.url === '/events') {
      open += 1;
      response.once('close', () => {
        open -= 1;
      });
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
    } else response.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }).end('shop');
  });
  await rig.control('PUT', '/apps/shop/target', targetOf(app));
  const session = http2.connect(`https://127.0.0.1:${port}`, { servername: 'shop.example', rejectUnauthorized: false });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  await once(session, 'connect');
  return { rig, port, session, events: () => open };
}

for (const workers of [1, 2]) {
  test(`HTTP/2 requests go the way of all others, with ${workers} processes`, async (t) => {
    const { session } = await start(t, workers);
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(session, { ':path': '/' })));
    for (const { headers, body } of all) assert.deepEqual([headers[':status'], body, headers['set-cookie']], [200, 'shop', ['a=1', 'b=2']]);
    const big = 'x'.repeat(1_500_000);
    assert.equal((await ask(session, { ':path': '/echo', ':method': 'POST' }, big)).body, big);
    assert.equal((await ask(session, { ':path': '/echo', ':method': 'POST', 'content-length': '5' }, 'hello')).body, 'hello');
    assert.deepEqual((await ask(session, { ':path': '/trailers', te: 'trailers' })).trailers['x-sum'], '1');
    assert.equal((await ask(session, { ':path': '/none' })).headers[':status'], 204);
    assert.equal((await ask(session, { ':path': '/', ':method': 'HEAD' })).body, '');
    const { body } = await ask(session, { ':path': '/headers', cookie: ['a=1', 'b=2'], 'x-forwarded-for': '1.1.1.1' });
    const told = JSON.parse(body) as Record<string, string>;
    assert.deepEqual(
      [told['host'], told['cookie'], told['x-forwarded-for'], told['x-forwarded-proto']],
      ['shop.example', 'a=1; b=2', '127.0.0.1', 'https'],
    );
    const crumbs = Array.from({ length: 200 }, (_, at) => `c${at}=1`);
    const many = JSON.parse((await ask(session, { ':path': '/headers', cookie: crumbs })).body) as Record<string, string>;
    assert.equal(many['cookie'], crumbs.join('; '), 'as many cookies as a browser keeps for a site');
    assert.equal((await ask(session, { ':path': '/', ':authority': 'other.example' })).headers[':status'], 421);
    await assert.rejects(ask(session, { ':path': '/cut' }), 'an answer that was cut does not look whole');
    assert.equal((await ask(session, { ':path': '/' })).body, 'shop', 'the connection goes on');
  });
}

test('a drain counts HTTP/2 streams, and a client that leaves ends its own', async (t) => {
  const { rig, session, events } = await start(t);
  const [kept, left] = [
    session.request({ ':authority': 'shop.example', ':path': '/events' }),
    session.request({ ':authority': 'shop.example', ':path': '/events' }),
  ];
  await Promise.all([once(kept, 'data'), once(left, 'data')]);
  left.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => events() === 1);
  const next = await startApp(t, 'i2', (_, response) => response.end('next'));
  await rig.control('PUT', '/apps/shop/target', targetOf(next));
  assert.equal((await ask(session, { ':path': '/' })).body, 'next');
  const ended = once(kept.resume(), 'end');
  const { body } = await rig.control('POST', '/apps/shop/drain', { instance: 'i1', timeout_ms: 2_000, stream_timeout_ms: 100 });
  assert.deepEqual(body, { drained: true, closed_streams: 1, abandoned_requests: 0 });
  await ended;
  const goaway = once(session, 'goaway');
  await rig.control('DELETE', '/apps/shop');
  await goaway;
});

test('nothing that HTTP/2 carries becomes another request in HTTP/1.1', () => {
  const good = [':method', 'GET', ':path', '/', ':authority', 'a', ':scheme', 'https'];
  assert.match(requestHead(good, false)?.head ?? '', /^GET \/ HTTP\/1\.1\r\nHost: a\r\nConnection: close\r\n\r\n$/);
  assert.match(requestHead(good, true)?.head ?? '', /Transfer-Encoding: chunked\r\n\r\n$/);
  const bad = [
    ['x', 'a\r\nHost: b'],
    ['x', 'a\nb'],
    ['x', '\0'],
    ['x y', 'a'],
    ['x:y', 'a'],
    ['X', 'a'],
    ['transfer-encoding', 'chunked'],
    ['connection', 'keep-alive'],
    ['upgrade', 'websocket'],
    ['te', 'gzip'],
    ['host', 'b'],
    [':path', '/b'],
    [':protocol', 'websocket'],
  ];
  for (const each of bad) assert.equal(requestHead([...good, ...each], false), null, JSON.stringify(each));
  for (const path of ['/ HTTP/1.1\r\nx: y', '/ b', '']) {
    assert.equal(requestHead([':method', 'GET', ':path', path, ':authority', 'a'], false), null);
  }
  assert.equal(requestHead([':method', 'CONNECT', ':authority', 'a'], false), null);
});

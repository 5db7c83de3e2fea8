import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import http2, { type ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { ProxyAppBody } from '@greenroom/sdk/proxy';
import WebSocket, { WebSocketServer } from 'ws';
import { type TestCertificate, writeCertificate } from './certificates.ts';
import { openRig } from './hand-over-rig.ts';
import { freePort, isRunning, MAIN, type ProxyRig, startApp, targetOf, until } from './rig.ts';

const SHOP = 'shop.example';
const BLOG = 'blog.example';
const ASK_EVERY_MS = 5;
const TICK_MS = 20;

for (const workers of [1, 2]) {
  test(`shared ports, HTTPS and HTTP/2 are handed over, and certificates read anew (workers: ${workers})`, async (t) => {
    const { proxy, upgrade } = await openRig(t, workers);
    const [plain, secure] = [await freePort(), await freePort()];
    const { certificate, key } = writeCertificate(proxy.dir, [SHOP]);
    const blog = writeCertificate(proxy.dir, [BLOG]);
    await serve(t, proxy, 'shop', [
      { port: plain, host: SHOP },
      { port: secure, host: SHOP, tls: { certificate, key } },
    ]);
    await serve(t, proxy, 'admin', [{ port: plain, host: SHOP, path: '/admin' }]);
    await serve(t, proxy, 'blog', [{ port: secure, host: BLOG, tls: { certificate: blog.certificate, key: blog.key } }]);
    const visits = visitAllTheTime(plain, secure);
    t.after(() => visits.end());
    const streams = await openStreams(t, secure);
    const idle = http2.connect(`https://127.0.0.1:${secure}`, { servername: SHOP, rejectUnauthorized: false });
    t.after(() => idle.destroy());
    assert.equal(await askByHttp2(idle), 'shop');

    const pids = [proxy.child.pid ?? 0];
    pids.push((await upgrade()).pid);
    assert.equal(await streams.told(), 'goaway', 'what has a request under way is told to open another connection for the next');
    assert.equal(idle.closed, false, 'what may be just sending is not');
    const renewed = writeCertificate(proxy.dir, [SHOP]);
    pids.push((await upgrade()).pid);
    assert.equal(await certificateOn(secure), renewed.ca, 'as it is in its file');
    await streams.goOn();
    const goaway = once(idle, 'goaway');
    assert.equal(await askByHttp2(idle), 'shop', 'by the one before the one before');
    assert.equal((await goaway)[0], http2.constants.NGHTTP2_NO_ERROR);

    const { failures, counts } = await visits.end();
    assert.deepEqual(failures, []);
    for (const [kind, count] of Object.entries(counts)) assert.ok(count > 5, `${kind}: ${count}`);
    await streams.end();
    const last = pids.pop() ?? 0;
    await until(() => !pids.some(isRunning));
    assert.ok(isRunning(last));
  });
}

test('a certificate that cannot be read any more is served on: the hand-over is refused and says which', async (t) => {
  const { proxy, upgrade, statusOf } = await openRig(t, 1);
  const port = await freePort();
  const { certificate, key, ca } = writeCertificate(proxy.dir, [SHOP]);
  await serve(t, proxy, 'shop', [{ port, host: SHOP, tls: { certificate, key } }]);
  await writeFile(certificate, 'rubbish');
  const { status, body } = await proxy.control<{ error: string }>('POST', '/upgrade', { main: MAIN });
  assert.equal(status, 409);
  assert.match(body.error, /app "shop" cannot be served by HTTPS: the certificate .*shop\.example\.pem .* cannot be used/);
  assert.deepEqual([(await statusOf()).pid, await certificateOn(port)], [proxy.child.pid, ca]);
  writeCertificate(proxy.dir, [SHOP]);
  const { pid } = await upgrade();
  assert.equal((await statusOf()).pid, pid);
  const renewed = writeCertificate(proxy.dir, [SHOP]);
  await until(async () => (await certificateOn(port)) === renewed.ca);
});

/** An app that says its name; at `/events` without end, and what it is sent by WebSocket. */
async function serve(t: TestContext, rig: ProxyRig, name: string, routes: ProxyAppBody['routes'] & object): Promise<void> {
  const { status, body } = await rig.control('PUT', `/apps/${name}`, { port: await freePort(), port_host: '127.0.0.1', routes });
  assert.equal(status, 200, JSON.stringify(body));
  const app = await startApp(t, name, (request, response) => {
    if (request.url !== '/events') return void response.end(name);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const timer = setInterval(() => response.write('data: tick\n\n'), TICK_MS);
    response.once('close', () => clearInterval(timer));
  });
  const sockets = new WebSocketServer({ server: app.server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
  assert.equal((await rig.control('PUT', `/apps/${name}/target`, targetOf(app))).status, 200);
}

/** One client of each kind, which asks, checks the answer and never asks twice for the same. */
function visitAllTheTime(plain: number, secure: number): { end(): Promise<{ failures: string[]; counts: Record<string, number> }> } {
  const tls = { rejectUnauthorized: false };
  const [keptPlain, keptSecure] = [new http.Agent({ keepAlive: true, maxSockets: 1 }), new https.Agent({ keepAlive: true, maxSockets: 1 })];
  const at = (port: number, host: string, path = '/'): http.RequestOptions => ({ host: '127.0.0.1', port, path, headers: { Host: host } });
  let session: ClientHttp2Session | null = null;
  const kinds: Record<string, { wanted: string; visit(): Promise<string> }> = {
    'by path': { wanted: 'admin', visit: () => bodyOf(http.request({ ...at(plain, SHOP, '/admin/x'), agent: false })) },
    'by host, kept': { wanted: 'shop', visit: () => bodyOf(http.request({ ...at(plain, SHOP), agent: keptPlain })) },
    https: { wanted: 'blog', visit: () => bodyOf(https.request({ ...at(secure, BLOG), servername: BLOG, agent: false, ...tls })) },
    'https, kept': {
      wanted: 'shop',
      visit: () => bodyOf(https.request({ ...at(secure, SHOP), servername: SHOP, agent: keptSecure, ...tls })),
    },
    'http/2': {
      wanted: 'shop',
      visit() {
        if (!session || session.closed) session = http2.connect(`https://127.0.0.1:${secure}`, { servername: SHOP, ...tls });
        return askByHttp2(session);
      },
    },
  };
  const [failures, counts]: [string[], Record<string, number>] = [[], {}];
  let ending = false;
  const work = Object.entries(kinds).map(async ([kind, { wanted, visit }]) => {
    counts[kind] = 0;
    while (!ending) {
      const answer = await visit().catch(({ code, message }: NodeJS.ErrnoException) => `${code} ${message}`);
      if (answer === wanted) counts[kind] = (counts[kind] ?? 0) + 1;
      else failures.push(`${kind}: ${answer}`);
      await delay(ASK_EVERY_MS);
    }
  });
  return {
    async end() {
      ending = true;
      await Promise.all(work);
      keptPlain.destroy();
      keptSecure.destroy();
      session?.destroy();
      return { failures, counts };
    },
  };
}

function bodyOf(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('error', reject);
      response.once('end', () => resolve(response.statusCode === 200 ? body : `${response.statusCode} ${body}`));
    });
    request.end();
  });
}

function askByHttp2(session: ClientHttp2Session): Promise<string> {
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':path': '/', ':authority': SHOP });
    let body = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    stream.once('error', reject);
    stream.once('end', () => {
      session.off('error', reject);
      resolve(body);
    });
  });
}

/** Server-sent events by HTTP/2 and a WebSocket by TLS, open all the time. */
async function openStreams(t: TestContext, port: number) {
  const session = http2.connect(`https://127.0.0.1:${port}`, { servername: SHOP, rejectUnauthorized: false });
  const events = session.request({ ':path': '/events', ':authority': SHOP });
  const broken: string[] = [];
  const goaway = once(session, 'goaway').then(() => 'goaway');
  let ticks = 0;
  events.on('data', () => {
    ticks += 1;
  });
  events.once('close', () => broken.push(`events: closed with ${events.rstCode}`));
  const socket = new WebSocket(`wss://127.0.0.1:${port}/`, {
    headers: { Host: SHOP },
    rejectUnauthorized: false,
    ...{ servername: SHOP },
  });
  socket.once('close', (code) => broken.push(`WebSocket: closed with ${code}`));
  t.after(() => {
    session.destroy();
    socket.terminate();
  });
  await Promise.all([once(socket, 'open'), once(events, 'data')]);
  return {
    told: () => goaway,
    async goOn(): Promise<void> {
      const before = ticks;
      socket.send('still there');
      const [answer] = await once(socket, 'message');
      await until(() => ticks > before);
      assert.deepEqual([String(answer), broken], ['still there', []]);
    },
    async end(): Promise<void> {
      const ended = Promise.all([once(socket, 'close'), once(session, 'close')]);
      socket.close();
      events.close(http2.constants.NGHTTP2_CANCEL);
      await ended;
    },
  };
}

/** As PEM, of the shop. */
async function certificateOn(port: number): Promise<TestCertificate['ca']> {
  const socket = connect({ host: '127.0.0.1', port, servername: SHOP, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const pem = socket.getPeerX509Certificate()?.toString() ?? '';
  socket.destroy();
  return pem;
}

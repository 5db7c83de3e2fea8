import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test, { type TestContext } from 'node:test';
import WebSocket, { type RawData, WebSocketServer } from 'ws';
import { fetchOnce, type ProxyRig, startApp, startProxyRig, targetOf, until } from './rig.ts';

const NOTHING = { drained: true, closed_streams: 0, abandoned_requests: 0 };
const FAR_MS = 60_000;

/** Two instances; requests to `/wait` on the old one end when `finish` is called. */
async function twoInstances(
  t: TestContext,
): Promise<{ proxy: ProxyRig; swap: () => Promise<void>; back: () => Promise<void>; finish: () => void }> {
  const proxy = await startProxyRig(t);
  const waiting: (() => void)[] = [];
  const old = await startApp(t, 'old', (request, response) => {
    if (request.url === '/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: 1\n\n');
      if (request.method === 'POST') waiting.push(() => response.end('data: 2\n\n'));
    } else waiting.push(() => response.end('old'));
  });
  const next = await startApp(t, 'next', (_, response) => response.end('next'));
  await proxy.route(targetOf(old));
  return {
    proxy,
    swap: () => proxy.route(targetOf(next)),
    back: () => proxy.route(targetOf(old)),
    finish: () => {
      for (const each of waiting) each();
    },
  };
}

test('a drain ends when the last request does, and not before', async (t) => {
  const { proxy, swap, finish } = await twoInstances(t);
  const waiting = [fetchOnce(proxy.port, '/wait'), fetchOnce(proxy.port, '/wait')];
  await until(async () => (await proxy.inFlight('old')).requests === 2);
  await swap();
  let ended = false;
  const draining = proxy.drain('old', FAR_MS).finally(() => {
    ended = true;
  });
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'next');
  assert.equal(ended, false);
  finish();
  assert.deepEqual(await draining, NOTHING);
  assert.deepEqual(
    (await Promise.all(waiting)).map((each) => each.body),
    ['old', 'old'],
  );
  assert.deepEqual(await proxy.drain('old', FAR_MS), NOTHING, 'repeatable');
});

test('events in answer to a POST are a request that is waited for, not a stream that is closed', async (t) => {
  const { proxy, swap, finish } = await twoInstances(t);
  const waiting = fetchOnce(proxy.port, '/events', { method: 'POST' });
  await until(async () => (await proxy.inFlight('old')).requests === 1);
  await swap();
  const draining = proxy.drain('old', FAR_MS, 0);
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'next');
  finish();
  assert.deepEqual(await draining, NOTHING);
  assert.equal((await waiting).body, 'data: 1\n\ndata: 2\n\n');
});

test('at its limit a drain counts the requests it gives up, and leaves them alone', async (t) => {
  const { proxy, swap, finish } = await twoInstances(t);
  const waiting = fetchOnce(proxy.port, '/wait');
  await until(async () => (await proxy.inFlight('old')).requests === 1);
  await swap();
  assert.deepEqual(await proxy.drain('old', 50), { drained: false, closed_streams: 0, abandoned_requests: 1 });
  finish();
  assert.equal((await waiting).body, 'old');
});

test('a drain of the live instance, or of one that becomes it again, ends without closing anything', async (t) => {
  const { proxy, swap, back, finish } = await twoInstances(t);
  assert.equal((await proxy.drain('old', FAR_MS)).drained, false);
  const waiting = fetchOnce(proxy.port, '/wait');
  const events = http.get({ host: '127.0.0.1', port: proxy.port, path: '/events', agent: false });
  const [stream] = (await once(events, 'response')) as [http.IncomingMessage];
  t.after(() => stream.destroy());
  await until(async () => (await proxy.inFlight('old')).streams === 1);
  await swap();
  const draining = proxy.drain('old', FAR_MS, FAR_MS);
  await back();
  assert.deepEqual(await draining, { drained: false, closed_streams: 0, abandoned_requests: 0 });
  finish();
  assert.equal((await waiting).body, 'old');
  assert.equal((await proxy.inFlight('old')).streams, 1);
});

test('a drain ends with the client that asked for it', async (t) => {
  const { proxy, swap, finish } = await twoInstances(t);
  const events = fetchOnce(proxy.port, '/events');
  await until(async () => (await proxy.inFlight('old')).streams === 1);
  await swap();
  const abort = new AbortController();
  const draining = proxy.drain('old', FAR_MS, 300, abort.signal);
  abort.abort();
  await assert.rejects(draining);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal((await proxy.inFlight('old')).streams, 1, 'the aborted drain closed a stream');
  assert.equal((await proxy.drain('old', FAR_MS, 0)).closed_streams, 1);
  await events;
  finish();
});

test('an event stream is ended properly at its limit, also when requests are waited for longer', async (t) => {
  const { proxy, swap, finish } = await twoInstances(t);
  const waiting = fetchOnce(proxy.port, '/wait');
  const events = fetchOnce(proxy.port, '/events');
  await until(async () => (await proxy.inFlight('old')).streams === 1 && (await proxy.inFlight('old')).requests === 1);
  await swap();
  const draining = proxy.drain('old', FAR_MS, 100);
  // A chunked answer that lacks its end would reject.
  assert.equal((await events).body, 'data: 1\n\n');
  assert.deepEqual(await proxy.inFlight('old'), { instance: 'old', requests: 1, streams: 0 });
  finish();
  await waiting;
  assert.deepEqual(await draining, { drained: true, closed_streams: 1, abandoned_requests: 0 });
});

test('a WebSocket is closed with 1001 between two frames, on both sides', async (t) => {
  const proxy = await startProxyRig(t);
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  const appSide: { code: number; reason: string; errors: string[] } = { code: 0, reason: '', errors: [] };
  sockets.on('connection', (socket) => {
    // Large messages back and forth: the close comes in the middle of one, likely as not.
    socket.on('message', (data: RawData) => socket.send(data));
    socket.on('error', (error) => appSide.errors.push(error.message));
    socket.on('close', (code) => {
      appSide.code = code;
    });
  });
  await proxy.route(targetOf(await startApp(t, 'old', server)));
  const client = new WebSocket(`ws://127.0.0.1:${proxy.port}/`, { perMessageDeflate: false });
  const errors: string[] = [];
  let echoed = 0;
  const message = Buffer.alloc(700_000, 'm');
  client.on('error', (error) => errors.push(error.message));
  client.on('message', (data: Buffer) => {
    if (!data.equals(message)) errors.push('a message came out damaged');
    echoed += 1;
    client.send(message);
  });
  await once(client, 'open');
  for (let i = 0; i < 3; i += 1) client.send(message);
  await until(() => echoed > 10);
  const closed = once(client, 'close');
  await proxy.route(null);
  assert.deepEqual(await proxy.drain('old', FAR_MS, 0), { drained: true, closed_streams: 1, abandoned_requests: 0 });
  assert.equal((await closed)[0], 1001);
  await until(() => appSide.code !== 0);
  assert.equal(appSide.code, 1001);
  assert.deepEqual([errors, appSide.errors], [[], []]);
});

test('a WebSocket whose client never answers the close is cut after a short grace', async (t) => {
  const proxy = await startProxyRig(t);
  const server = http.createServer();
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('error', () => socket.terminate()));
  await proxy.route(targetOf(await startApp(t, 'old', server)));
  const socket = await openRaw(t, proxy.port, 'websocket');
  await proxy.route(null);
  const closed = once(socket, 'end');
  assert.deepEqual(await proxy.drain('old', FAR_MS, 0), { drained: true, closed_streams: 1, abandoned_requests: 0 });
  await closed;
});

test('another upgraded protocol passes both ways and is ended on both sides', async (t) => {
  const proxy = await startProxyRig(t);
  const server = http.createServer();
  let appEnded = false;
  server.on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('end', () => {
      appEnded = true;
      socket.end();
    });
  });
  await proxy.route(targetOf(await startApp(t, 'old', server)));
  const socket = await openRaw(t, proxy.port, 'echo');
  socket.write('ping');
  assert.equal(String((await once(socket, 'data'))[0]), 'ping');
  assert.deepEqual(await proxy.inFlight('old'), { instance: 'old', requests: 0, streams: 1 });
  await proxy.route(null);
  const ended = once(socket, 'end');
  assert.equal((await proxy.drain('old', FAR_MS, 0)).closed_streams, 1);
  await ended;
  assert.ok(appEnded);
});

test('an upgrade that the app does not take is an ordinary answer', async (t) => {
  const proxy = await startProxyRig(t);
  await proxy.route(targetOf(await startApp(t, 'i1', (_, response) => response.writeHead(426).end('no'))));
  const client = new WebSocket(`ws://127.0.0.1:${proxy.port}/`);
  const [error] = (await once(client, 'error')) as [Error];
  assert.match(error.message, /426/);
  await until(async () => (await proxy.inFlight('i1')).requests === 0);
});

/** Upgrades and then reads nothing of what comes but its bytes. */
async function openRaw(t: TestContext, port: number, protocol: string): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: protocol === 'websocket' });
  t.after(() => socket.destroy());
  socket.write(
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  const [head] = await once(socket, 'data');
  assert.match(String(head), /^HTTP\/1\.1 101 /);
  socket.resume();
  return socket;
}

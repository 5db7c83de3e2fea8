import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';
import type { Flight, PickDestination } from '../../src/proxy/data-path.ts';
import { createSpliceDataPath } from '../../src/proxy/splice/data-path.ts';
import { fetchOnce, freePort, rawExchange, startApp, startProxyRig, targetOf, until } from './rig.ts';

test('without a live instance every request is answered 503 with Retry-After', async (t) => {
  const proxy = await startProxyRig(t);
  for (const method of ['GET', 'HEAD', 'POST']) {
    const { status, headers, body } = await fetchOnce(proxy.port, '/', { method, body: method === 'POST' ? 'x'.repeat(100_000) : '' });
    assert.equal(status, 503);
    assert.equal(headers['retry-after'], '1');
    assert.equal(body === '', method === 'HEAD');
  }
  assert.equal((await fetchOnce(proxy.internalPort, '/')).status, 503);
});

test('a live instance that is dead is 503 at once, and 200 as soon as it listens again', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (_, response) => response.end('ok'));
  await proxy.route(targetOf(app));
  assert.equal((await fetchOnce(proxy.port, '/')).status, 200);
  app.server.close();
  app.server.closeAllConnections();
  await until(() => !app.server.listening);
  for (const method of ['GET', 'POST']) assert.equal((await fetchOnce(proxy.port, '/', { method, body: '' })).status, 503);
  app.server.listen(app.port, '127.0.0.1');
  await once(app.server, 'listening');
  assert.equal((await fetchOnce(proxy.port, '/', { method: 'POST', body: 'x' })).status, 200);
});

test('an app that ends without an answer is 502, and a POST is not sent twice', async (t) => {
  const proxy = await startProxyRig(t);
  let posts = 0;
  const app = await startApp(t, 'i1', (request) => {
    posts += 1;
    request.socket.destroy();
  });
  await proxy.route(targetOf(app));
  assert.equal((await fetchOnce(proxy.port, '/', { method: 'POST', body: 'x' })).status, 502);
  assert.equal(posts, 1);
  assert.equal((await fetchOnce(proxy.port, '/')).status, 502);
  await until(async () => (await proxy.inFlight('i1')).requests === 0);
});

for (const interim of ['100 Continue', '103 Early Hints', '101 Switching Protocols']) {
  test(`an app that ends after ${interim} is 502, not a wait without end`, async (t) => {
    const proxy = await startProxyRig(t);
    let requests = 0;
    const server = net
      .createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.once('data', () => {
          requests += 1;
          socket.end(`HTTP/1.1 ${interim}\r\n${interim.startsWith('101') ? 'Connection: Upgrade\r\nUpgrade: x\r\n' : ''}\r\n`);
        });
      })
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    await proxy.route({ instance: 'i1', host: '127.0.0.1', port: (server.address() as net.AddressInfo).port });
    for (const head of ['GET / HTTP/1.1', 'POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5']) {
      const answer = await rawExchange(proxy.port, `${head}\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /HTTP\/1\.1 502 Bad Gateway\r\n/);
    }
    assert.equal(requests, 2);
    await until(async () => (await proxy.inFlight('i1')).requests === 0);
  });
}

for (const framing of ['chunked', 'length', 'close'] as const) {
  test(`an answer that breaks off (${framing}) never looks complete`, async (t) => {
    const proxy = await startProxyRig(t);
    const server = net
      .createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.once('data', () => {
          const head = { chunked: 'Transfer-Encoding: chunked\r\n', length: 'Content-Length: 50\r\n', close: '' }[framing];
          socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n${framing === 'chunked' ? '5\r\nhello\r\n' : 'hello'}`, () =>
            setTimeout(() => socket.resetAndDestroy(), 50),
          );
        });
      })
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    await proxy.route({ instance: 'i1', host: '127.0.0.1', port: (server.address() as net.AddressInfo).port });
    await assert.rejects(fetchOnce(proxy.port, '/'), /aborted|hang up|ECONNRESET/);
    await until(async () => (await proxy.inFlight('i1')).requests === 0);
  });
}

test('idle connections that the app closes lose nothing: GET is repeated, POST has a connection of its own', async (t) => {
  const proxy = await startProxyRig(t);
  let requests = 0;
  // As hostile as can be: it closes each connection without notice right when a second request comes on it.
  const server = net.createServer((socket) => {
    let first = true;
    socket.on('error', () => socket.destroy());
    socket.on('data', () => {
      if (!first) return void socket.destroy();
      first = false;
      requests += 1;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  await proxy.route({ instance: 'i1', host: '127.0.0.1', port: (server.address() as net.AddressInfo).port });
  for (let i = 0; i < 20; i += 1) {
    const post = i % 2 === 1;
    const { status } = await fetchOnce(proxy.port, '/', post ? { method: 'POST', body: 'x' } : {});
    assert.equal(status, 200, `request ${i}`);
  }
  assert.equal(requests, 20);
});

test('a request that cannot be repeated takes an idle connection when the app said with its last answer that it keeps it', async (t) => {
  const proxy = await startProxyRig(t);
  let connections = 0;
  const app = await startApp(t, 'i1', (request, response) => {
    request.resume().on('end', () => {
      if (request.url === '/silent') response.setHeader('Connection', 'keep-alive');
      response.end(request.url);
    });
  });
  app.server.on('connection', () => {
    connections += 1;
  });
  await proxy.route(targetOf(app));
  const post = async (path: string): Promise<void> => {
    const { status, body } = await fetchOnce(proxy.port, path, { method: 'POST', body: 'x' });
    assert.deepEqual([status, body], [200, path]);
  };
  for (let i = 0; i < 5; i += 1) await post('/told');
  assert.equal(connections, 1);
  // It says nothing any more of how long: then it may be closing it at this moment.
  app.server.keepAliveTimeout = 0;
  await post('/silent');
  await post('/silent');
  assert.equal(connections, 2);
});

test('a request that the old instance refused goes to the new one, with its body; the tries end', async (t) => {
  const next = await startApp(t, 'next', (request, response) => void request.pipe(response));
  const [port, nobody] = [await freePort(), await freePort()];
  const picked: string[] = [];
  const open = new Set<string>();
  let route: (call: number) => number = () => next.port;
  const pick: PickDestination = () => {
    const instance = `${picked.length}`;
    picked.push(instance);
    const begin = (): Flight => {
      open.add(instance);
      return { answered: () => undefined, stream: () => undefined, end: () => void open.delete(instance) };
    };
    return { instance, host: '127.0.0.1', port: route(picked.length), begin };
  };
  const listener = await createSpliceDataPath().listen(port, '127.0.0.1', { pick, onFailure: () => undefined });
  t.after(() => listener.close(0));

  // The route moves between the head of the request and the refusal.
  route = (call) => (call === 1 ? nobody : next.port);
  const moved = await fetchOnce(port, '/', { method: 'POST', body: 'hello' });
  assert.deepEqual([moved.status, moved.body], [200, 'hello']);

  // Every instance it is moved to refuses.
  const dead = [nobody, await freePort()];
  picked.length = 0;
  route = (call) => dead[call % 2] ?? 0;
  assert.equal((await fetchOnce(port, '/', { method: 'POST', body: 'hello' })).status, 503);
  assert.ok(picked.length <= 6, `${picked.length} looks at the route`);
  await until(() => open.size === 0);
});

test('a client that goes away takes its request to the app with it', async (t) => {
  const proxy = await startProxyRig(t);
  let gone = false;
  const app = await startApp(t, 'i1', (request) => {
    request.socket.on('close', () => {
      gone = true;
    });
  });
  await proxy.route(targetOf(app));
  const request = http.get({ host: '127.0.0.1', port: proxy.port, agent: false });
  request.on('error', () => request.destroy());
  await until(async () => (await proxy.inFlight('i1')).requests === 1);
  request.destroy();
  await until(() => gone);
  await until(async () => (await proxy.inFlight('i1')).requests === 0);
});

test('an answer before the end of the body lets the connection go on', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => {
    request.resume();
    response.end(request.url);
  });
  await proxy.route(targetOf(app));
  const body = 'x'.repeat(2_000_000);
  const early = `POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const answer = await rawExchange(proxy.port, `${early}GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  assert.match(answer, /\/early[\s\S]*HTTP\/1\.1 200 OK[\s\S]*\/next$/);
});

test('the internal port goes to the internal port of the live instance, and listens on loopback only', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (_, response) => response.end('public'));
  const internal = await startApp(t, 'i1', (_, response) => response.end('internal'));
  await proxy.route({ ...targetOf(app), internal_port: internal.port });
  assert.equal((await fetchOnce(proxy.internalPort, '/')).body, 'internal');
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'public');
  assert.equal((await fetchOnce(proxy.port, '/', { host: '::1' })).body, 'public');
  await assert.rejects(fetchOnce(proxy.internalPort, '/', { host: '127.0.0.2' }), /ECONNREFUSED/);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { fetchOnce, type ProxyRig, rawExchange, startApp, startProxyRig, targetOf } from './rig.ts';

const PATH = '/.greenroom';

test('the chat path leads to the chat, past the app, on the public port only', async (t) => {
  const proxy = await startProxyRig(t);
  await startChat(t, proxy, (request, response) => response.end(`chat ${request.url}`));
  const app = await startApp(t, 'i1', (request, response) => response.end(`app ${request.url}`));
  await proxy.route({ ...targetOf(app), internal_port: app.port });
  for (const path of [PATH, `${PATH}/`, `${PATH}?a=/..`, `${PATH}/api/x?y=%2f`, `${PATH}//x`, `${PATH}/a..b`, `${PATH}/.../x`])
    assert.equal((await fetchOnce(proxy.port, path)).body, `chat ${path}`);
  const others = [
    '/',
    `${PATH}X`,
    `${PATH}%2fapi`,
    '/.Greenroom/',
    '/%2egreenroom/',
    `/${PATH}/`,
    `/a/..${PATH}/`,
    `/a${PATH}/`,
    `${PATH};/x`,
  ];
  for (const path of others) assert.equal((await fetchOnce(proxy.port, path)).body, `app ${path}`);
  assert.equal((await fetchOnce(proxy.internalPort, `${PATH}/api`)).body, `app ${PATH}/api`);
  const absolute = `GET http://h${PATH}/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
  assert.match(await rawExchange(proxy.port, absolute), new RegExp(`chat ${PATH}/x`));
});

test('what could be read as another path reaches neither chat nor app', async (t) => {
  const proxy = await startProxyRig(t);
  const seen: (string | undefined)[] = [];
  const note: RequestListener = (request, response) => {
    seen.push(request.url);
    response.end();
  };
  await startChat(t, proxy, note);
  await proxy.route(targetOf(await startApp(t, 'i1', note)));
  for (const rest of [
    '/..',
    '/../admin',
    '/x/../../admin',
    '/%2e%2e/admin',
    '/.%2E/admin',
    '/./x',
    '/..;/admin',
    '/..%2fadmin',
    '/x%5c..',
    '/a\\..\\b',
    '/%00',
  ])
    assert.match(
      await rawExchange(proxy.port, `GET ${PATH}${rest} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`),
      /^HTTP\/1\.1 400 /,
      rest,
    );
  assert.deepEqual(seen, []);
});

test('a chat that is not there is 503 and says how to start it; its end in the middle is 502; the app is not touched', async (t) => {
  const proxy = await startProxyRig(t);
  await register(proxy);
  await proxy.route(targetOf(await startApp(t, 'i1', (_, response) => response.end('app'))));
  for (const method of ['GET', 'POST']) {
    const absent = await fetchOnce(proxy.port, `${PATH}/api/session`, { method, body: method === 'POST' ? '{}' : '' });
    assert.equal(absent.status, 503);
    assert.equal(absent.headers['content-type'], 'application/json');
    const error = 'The chat is not running. Start it with: greenroom chat';
    assert.deepEqual(JSON.parse(absent.body), { code: 'unavailable', error });
  }
  await startChat(t, proxy, (request) => request.socket.destroy());
  const broken = await fetchOnce(proxy.port, PATH);
  assert.deepEqual([broken.status, (JSON.parse(broken.body) as { code: string }).code], [502, 'unavailable']);
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'app');
});

test('bodies, methods and headers pass; the caller is who the connection says it is', async (t) => {
  const proxy = await startProxyRig(t);
  await startChat(t, proxy, (request, response) => {
    const { method, headers } = request;
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => response.setHeader('X-Own', 'yes').end(JSON.stringify({ method, headers, body })));
  });
  const headers = { Cookie: 'a=1; greenroom_preview_1=secret; b=2', 'X-Forwarded-For': '6.6.6.6', 'X-Greenroom-Request': '1' };
  const answer = await fetchOnce(proxy.port, `${PATH}/api`, { method: 'PATCH', body: '{"x":1}', headers });
  const got = JSON.parse(answer.body) as { method: string; headers: Record<string, string>; body: string };
  assert.deepEqual([answer.headers['x-own'], got.method, got.body], ['yes', 'PATCH', '{"x":1}']);
  assert.deepEqual(
    [got.headers['cookie'], got.headers['x-forwarded-for'], got.headers['x-forwarded-host'], got.headers['x-greenroom-request']],
    ['a=1; b=2', '127.0.0.1', `127.0.0.1:${proxy.port}`, '1'],
  );
});

test('an event stream of the chat is nobody’s in flight: it lives through swaps and drains, each event at once', async (t) => {
  const proxy = await startProxyRig(t);
  let send: (text: string) => void = () => undefined;
  await startChat(t, proxy, (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    send = (text) => void response.write(`data: ${text}\n\n`);
    send('0');
  });
  const stream = await openStream(proxy.port, `${PATH}/api/stream`);
  t.after(() => stream.end());
  await stream.until('data: 0');
  for (let swap = 1; swap <= 5; swap++) {
    await proxy.route(targetOf(await startApp(t, `i${swap}`, (_, response) => response.end())));
    assert.deepEqual(await proxy.drain(`i${swap - 1}`, 1_000), { drained: true, closed_streams: 0, abandoned_requests: 0 });
    send(String(swap));
    await stream.until(`data: ${swap}`);
  }
  const { apps } = (await proxy.control<ProxyStatus>('GET', '/')).body;
  assert.deepEqual(apps[0]?.in_flight, [{ instance: 'i5', requests: 0, streams: 0 }]);
});

test('the chat path may come, change and go without the app losing its port; it survives a kill of the proxy', async (t) => {
  const proxy = await startProxyRig(t);
  await proxy.route(targetOf(await startApp(t, 'i1', (request, response) => response.end(`app ${request.url}`))));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const visit = async (path: string): Promise<string> => (await fetchOnce(proxy.port, path, { agent })).body;
  const socket = await startChat(t, proxy, (request, response) => response.end(`chat ${request.url}`), null);
  assert.equal(await visit(`${PATH}/`), `app ${PATH}/`);
  await register(proxy);
  assert.equal(await visit(`${PATH}/`), `chat ${PATH}/`);
  await register(proxy, { path: '/talk/here', socket });
  assert.deepEqual(
    [await visit(`${PATH}/`), await visit('/talk/here'), await visit('/talk')],
    [`app ${PATH}/`, 'chat /talk/here', 'app /talk'],
  );
  assert.equal(Object.values(agent.sockets).length + Object.values(agent.freeSockets).length, 1, 'the connection was kept');
  proxy.child.kill('SIGKILL');
  await once(proxy.child, 'exit');
  await proxy.start();
  assert.equal((await fetchOnce(proxy.port, '/talk/here')).body, 'chat /talk/here');
  await register(proxy, null);
  assert.equal((await fetchOnce(proxy.port, '/talk/here')).body, 'app /talk/here');
});

test('a path or socket that is not plain is refused', async (t) => {
  const proxy = await startProxyRig(t);
  const socket = join(proxy.dir, 'chat.sock');
  for (const chat of [
    { path: '/', socket },
    { path: '/a/', socket },
    { path: '/a/../b', socket },
    { path: '/a%2fb', socket },
    { path: 'a', socket },
    { path: PATH, socket: 'chat.sock' },
    { path: PATH, socket: '/tmp/../etc/x' },
    { path: PATH, socket: `/${'x'.repeat(107)}` },
    { path: PATH },
    'chat',
  ]) {
    const { status, body } = await proxy.control<{ error: string }>('PUT', '/apps/app', { port: proxy.port, chat });
    assert.equal(status, 400, JSON.stringify(chat));
    assert.match(body.error, /chat/);
  }
});

/** Listens where the proxy is told that the chat is; registers that unless `path` is null. Answers the socket. */
async function startChat(t: TestContext, proxy: ProxyRig, listener: RequestListener, path: string | null = PATH): Promise<string> {
  const socket = join(proxy.dir, 'chat.sock');
  const server = http.createServer(listener).listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  if (path !== null) await register(proxy, { path, socket });
  return socket;
}

async function register(proxy: ProxyRig, chat: object | null = { path: PATH, socket: join(proxy.dir, 'chat.sock') }): Promise<void> {
  const ports = { port: proxy.port, internal_port: proxy.internalPort };
  const { status, body } = await proxy.control('PUT', '/apps/app', chat ? { ...ports, chat } : ports);
  assert.equal(status, 200, JSON.stringify(body));
}

async function openStream(port: number, path: string): Promise<{ until(text: string): Promise<void>; end(): void }> {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  let look = (): void => undefined;
  socket.on('data', (chunk) => {
    text += chunk.toString();
    look();
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
  return {
    end: () => void socket.destroy(),
    until: (wanted) =>
      new Promise((resolve, reject) => {
        socket.once('close', () => reject(new Error(`the stream ended after ${text}`)));
        look = () => {
          if (text.includes(`${wanted}\n`)) resolve();
        };
        look();
      }),
  };
}

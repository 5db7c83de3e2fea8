import assert from 'node:assert/strict';
import http from 'node:http';
import test, { type TestContext } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import { fetchOnce, startApp, startProxyRig, targetOf, until } from './rig.ts';

/** By number of workers. */
const SWAPS = { 1: 12, 2: 4 };

/** Answers with the instance's name: plain, after 1 s, echoing a body, as an event stream, and over WebSocket. */
function createTestApp(instance: string): http.Server {
  const server = http.createServer((request, response) => {
    if (request.url === '/slow') {
      setTimeout(() => response.end(instance), 1_000);
    } else if (request.url === '/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const timer = setInterval(() => response.write(`data: ${instance}\n\n`), 20);
      response.on('close', () => clearInterval(timer));
    } else {
      let size = 0;
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
      });
      request.on('end', () => response.end(`${instance} ${size}`));
    }
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    socket.on('message', (data) => socket.send(data));
  });
  return server;
}

for (const workers of [1, 2] as const) {
  test(
    `${SWAPS[workers]} swaps under load lose no request of a client that never retries (workers: ${workers})`,
    { timeout: 120_000 },
    (t) => swapUnderLoad(t, workers, SWAPS[workers]),
  );
}

async function swapUnderLoad(t: TestContext, workers: number, swaps: number): Promise<void> {
  const proxy = await startProxyRig(t, workers);
  let live = await startApp(t, 'i0', createTestApp('i0'));
  await proxy.route(targetOf(live));
  const failures: string[] = [];
  const done = { get: 0, fresh: 0, post: 0, slow: 0, events: 0, websocket: 0 };
  let running = true;
  const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 16 });
  t.after(() => keepAlive.destroy());

  async function loop(kind: keyof typeof done, one: () => Promise<void>): Promise<void> {
    while (running) {
      await one().then(
        () => {
          done[kind] += 1;
        },
        (error: Error) => failures.push(`${kind}: ${error.message}`),
      );
    }
  }
  const expect200 = async (path: string, options: Parameters<typeof fetchOnce>[2], pattern: RegExp): Promise<void> => {
    const { status, body } = await fetchOnce(proxy.port, path, options);
    if (status !== 200 || !pattern.test(body)) throw new Error(`${status} ${body}`);
  };
  const loops = [
    ...repeat(4, () => loop('get', () => expect200('/', { agent: keepAlive }, /^i\d+ 0$/))),
    ...repeat(2, () => loop('fresh', () => expect200('/', {}, /^i\d+ 0$/))),
    ...repeat(4, () => loop('post', () => expect200('/', { method: 'POST', agent: keepAlive, body: 'x'.repeat(3_000) }, /^i\d+ 3000$/))),
    ...repeat(4, () => loop('slow', () => expect200('/slow', { agent: keepAlive }, /^i\d+$/))),
    ...repeat(2, () => loop('events', () => eventStream(proxy.port))),
    ...repeat(2, () => loop('websocket', () => echoUntilClosed(proxy.port))),
  ];

  const previous: Awaited<ReturnType<typeof startApp>>[] = [];
  for (let swap = 1; swap <= swaps; swap += 1) {
    const next = await startApp(t, `i${swap}`, createTestApp(`i${swap}`));
    await proxy.route(targetOf(next));
    const { body } = await fetchOnce(proxy.port, '/');
    if (body !== `i${swap} 0`) failures.push(`after the switch to i${swap}: ${body}`);
    const old = live;
    live = next;
    const drained = await proxy.drain(old.instance, 5_000, 200);
    assert.equal(drained.drained, true, JSON.stringify(drained));
    // As a process that exits: nothing of it may be needed any more.
    old.server.closeAllConnections();
    old.server.close();
    previous.push(old);
  }
  running = false;
  await proxy.drain(live.instance, 1, 1);
  await proxy.route(null);
  await proxy.drain(live.instance, 5_000, 0);
  await Promise.all(loops);

  t.diagnostic(`${swaps} swaps, answered: ${JSON.stringify(done)}`);
  assert.deepEqual(failures, []);
  for (const [kind, count] of Object.entries(done)) assert.ok(count > 0, `no ${kind} ended`);
}

function repeat<T>(times: number, make: () => T): T[] {
  return Array.from({ length: times }, make);
}

/** Reads events until the stream ends properly; an improper end rejects. */
async function eventStream(port: number): Promise<void> {
  const { status, body } = await fetchOnce(port, '/events');
  if (status !== 200 && status !== 503) throw new Error(`${status}`);
  if (status === 200 && !/data: i\d+/.test(body)) throw new Error(`no event in ${JSON.stringify(body)}`);
}

/** Echoes until the other side closes with 1001; any other end rejects. */
function echoUntilClosed(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    let echoed = 0;
    socket.on('open', () => socket.send('0'));
    socket.on('message', (data) => {
      if (Number(String(data)) !== echoed) reject(new Error(`echo ${String(data)} instead of ${echoed}`));
      echoed += 1;
      socket.send(String(echoed));
    });
    socket.on('error', (error) => (/503/.test(error.message) ? resolve() : reject(error)));
    socket.on('close', (code) => (code === 1001 && echoed > 0 ? resolve() : reject(new Error(`closed with ${code} after ${echoed}`))));
  });
}

test('the answer to a switch means that the next request goes to the new instance', async (t) => {
  const proxy = await startProxyRig(t);
  const apps = await Promise.all(['a', 'b'].map((name) => startApp(t, name, (_, response) => response.end(name))));
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  for (let i = 0; i < 100; i += 1) {
    const target = apps[i % 2];
    assert.ok(target);
    await proxy.route(targetOf(target));
    assert.equal((await fetchOnce(proxy.port, '/', { agent })).body, target.instance);
  }
});

test('a request in flight ends on the old instance, whose idle connections are closed then', async (t) => {
  const proxy = await startProxyRig(t);
  let finish: () => void = () => assert.fail('no request came');
  const old = await startApp(t, 'old', (request, response) => {
    if (request.url === '/wait') finish = () => response.end('old');
    else response.end('old');
  });
  const next = await startApp(t, 'next', (_, response) => response.end('next'));
  const connections = (): Promise<number> => new Promise((resolve) => old.server.getConnections((_, count) => resolve(count)));
  await proxy.route(targetOf(old));
  const waiting = fetchOnce(proxy.port, '/wait');
  await Promise.all([fetchOnce(proxy.port, '/'), fetchOnce(proxy.port, '/')]);
  assert.ok((await connections()) >= 2);
  await until(async () => (await proxy.inFlight('old')).requests === 1);
  await proxy.route(targetOf(next));
  assert.equal((await fetchOnce(proxy.port, '/')).body, 'next');
  finish();
  assert.equal((await waiting).body, 'old');
  // Well before the idle limit of the pool.
  await until(async () => (await connections()) === 0, 1_000);
});

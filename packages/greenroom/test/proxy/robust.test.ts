import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import { fetchOnce, startApp, startProxyRig, targetOf, until } from './rig.ts';
import { connectRaw, startSplice } from './splice-rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('clients that send their heads a byte at a time are answered 408 at the limit, and hold up nobody', async (t) => {
  const { port } = await startSplice(t, (socket) => socket.write(OK), { headTimeoutMs: 500 });
  const slow = Array.from({ length: 200 }, () => connectRaw(t, port, 'GET / HTTP/1.1\r\nX: '));
  const drip = setInterval(() => {
    for (const { socket } of slow) if (socket.writable) socket.write('x');
  }, 50);
  t.after(() => clearInterval(drip));
  for (let i = 0; i < 20; i += 1) {
    const quick = connectRaw(t, port, GET);
    await quick.sees(/ok$/);
    quick.socket.destroy();
  }
  await Promise.all(slow.map(({ ended }) => ended));
  assert.ok(slow.every(({ text }) => text().startsWith('HTTP/1.1 408 ')));
});

test('a large head of an answer passes', async (t) => {
  const value = 'x'.repeat(60_000);
  const { port } = await startSplice(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${value}\r\nContent-Length: 2\r\n\r\nok`));
  const client = connectRaw(t, port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await client.ended;
  assert.ok(client.text().includes(value) && client.text().endsWith('ok'));
});

test('a flood of connections beyond the file descriptors passes by, and the proxy goes on', async (t) => {
  const proxy = await startProxyRig(t);
  await proxy.route(targetOf(await startApp(t, 'i1', (_, response) => response.end('ok'))));
  execFileSync('prlimit', ['--pid', String(proxy.child.pid), '--nofile=200:200']);
  const flood = Array.from({ length: 400 }, () => net.connect(proxy.port, '127.0.0.1').on('error', () => undefined));
  await Promise.all(flood.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
  await until(() => openFiles(proxy.child.pid) >= 198 || flood.some((socket) => socket.destroyed));
  for (const socket of flood) socket.resetAndDestroy();
  await until(() =>
    fetchOnce(proxy.port, '/').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
  assert.equal(proxy.child.exitCode, null);
});

test('thousands of connections that come, ask, are reset or vanish leave nothing behind', async (t) => {
  const proxy = await startProxyRig(t);
  const app = await startApp(t, 'i1', (request, response) => {
    if (request.url === '/slow') setTimeout(() => response.end('ok'), 20);
    else response.end('ok');
  });
  await proxy.route(targetOf(app));
  await fetchOnce(proxy.port, '/');
  const before = openFiles(proxy.child.pid);
  const one = async (i: number): Promise<void> => {
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    const kind = i % 5;
    socket.write(
      kind < 2
        ? GET
        : kind === 2
          ? 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'
          : kind === 3
            ? 'GET /'
            : 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx',
    );
    if (kind < 2) await once(socket, 'data');
    else await new Promise(setImmediate);
    if (i % 2 === 0) socket.resetAndDestroy();
    else socket.destroy();
  };
  for (let i = 0; i < 3_000; i += 50) await Promise.all(Array.from({ length: 50 }, (_, k) => one(i + k)));
  await until(async () => (await proxy.inFlight('i1')).requests === 0);
  // Idle connections to the app are closed after a while.
  await until(() => openFiles(proxy.child.pid) <= before + 1);
  assert.equal((await fetchOnce(proxy.port, '/')).status, 200);
});

test('idle connections cost little memory', async (t) => {
  const count = Number(process.env['GREENROOM_IDLE_CONNECTIONS'] ?? 1_500);
  const proxy = await startProxyRig(t);
  await proxy.route(targetOf(await startApp(t, 'i1', (_, response) => response.end('ok'))));
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  await Promise.all(Array.from({ length: 50 }, () => fetchOnce(proxy.port, '/', { agent })));
  const before = residentKiB(proxy.child.pid);
  const idle: net.Socket[] = [];
  t.after(() => {
    for (const socket of idle) socket.destroy();
  });
  for (let i = 0; i < count; i += 100) {
    // Loopback has addresses enough for more connections than one has ports.
    const localAddress = `127.0.0.${1 + Math.floor(i / 20_000)}`;
    const some = Array.from({ length: 100 }, () => net.connect({ port: proxy.port, host: '127.0.0.1', localAddress }));
    idle.push(...some);
    await Promise.all(
      some.map(async (socket) => {
        socket.write(GET);
        await once(socket, 'data');
        socket.pause();
      }),
    );
  }
  const each = (residentKiB(proxy.child.pid) - before) / count;
  t.diagnostic(`${count} idle connections: ${each.toFixed(1)} KiB each, ${Math.round(residentKiB(proxy.child.pid) / 1024)} MiB in all`);
  assert.ok(each < 40, `${each} KiB for each`);
});

test('WebSockets of the ws package under load: each message is echoed until a drain closes it properly', async (t) => {
  const proxy = await startProxyRig(t);
  const echo = async (instance: string): ReturnType<typeof startApp> => {
    const server = http.createServer((_, response) => response.end(instance));
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('error', () => socket.terminate());
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    return await startApp(t, instance, server);
  };
  let live = await echo('i0');
  await proxy.route(targetOf(live));
  let running = true;
  let messages = 0;
  const failures: string[] = [];
  const talk = async (size: number): Promise<void> => {
    while (running) {
      const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/`);
      const closed = once(socket, 'close') as Promise<[number, Buffer]>;
      socket.on('error', (error) => failures.push(error.message));
      await Promise.race([once(socket, 'open'), closed]);
      let waiting = '';
      let number = 0;
      const next = (): void => {
        number += 1;
        waiting = `${number} ${'x'.repeat(size)}`;
        if (socket.readyState === WebSocket.OPEN) socket.send(waiting);
      };
      socket.on('message', (data) => {
        if (String(data) !== waiting) failures.push(`another echo than of message ${number}`);
        messages += 1;
        if (running) next();
        else socket.close();
      });
      next();
      const [code] = await closed;
      if (running ? code !== 1001 : code !== 1001 && code !== 1005) failures.push(`closed with ${code}`);
    }
  };
  const talks = Array.from({ length: 40 }, (_, i) => talk(i % 4 === 0 ? 70_000 : 100));
  for (let swap = 1; swap <= 5; swap += 1) {
    const next = await echo(`i${swap}`);
    await proxy.route(targetOf(next));
    const enough = messages + 400;
    const drained = await proxy.drain(live.instance, 5_000, 100);
    assert.equal(drained.drained, true, JSON.stringify(drained));
    live.server.close();
    live = next;
    await until(() => messages > enough);
  }
  running = false;
  await Promise.all(talks);
  t.diagnostic(`${messages} messages over 5 swaps`);
  assert.deepEqual(failures, []);
});

function openFiles(pid: number | undefined): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function residentKiB(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}

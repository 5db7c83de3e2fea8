/** The preload module in real apps: each framework as people start it, reached by port and by socket, and closed gracefully. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import WebSocket from 'ws';
import { freePort } from '../../../../bench/harness/ports.ts';

const PRELOAD = join(import.meta.dirname, '..', '..', 'src', 'preload', 'listen.cjs');
/** Where the frameworks are found. */
const MODULES = join(import.meta.dirname, '..', '..', '..', '..', 'node_modules');

interface App {
  child: ChildProcess;
  port: number;
  socket: string;
  streams: string;
  internal: string;
  exited: Promise<[code: number | null, signal: string | null]>;
  output(): string;
}

/** Each answers with the visitor's address, waits for SIGUSR2 before it answers `/slow`, and stops at SIGTERM as its users stop it. */
const SLOW = `let go; process.on('SIGUSR2', () => go()); const waiting = new Promise((resolve) => { go = resolve; });
    const port = process.env.PORT;`;
const apps: Record<string, string> = {
  'node:http': `${SLOW}
    const server = require('node:http').createServer(async (request, response) => {
      if (request.url === '/slow') { process.stdout.write('slow'); await waiting; }
      response.end(String(request.socket.remoteAddress));
    }).listen({ port, host: '127.0.0.1' });
    process.on('SIGTERM', () => server.close());`,
  'Express 5': `${SLOW}
    const app = require('express')();
    app.set('trust proxy', 'loopback');
    app.get('/slow', async (request, response) => { process.stdout.write('slow'); await waiting; response.send('done'); });
    app.get('/', (request, response) => response.send(request.ip));
    const server = app.listen(port);
    process.on('SIGTERM', () => server.close());`,
  'Fastify 5': `${SLOW}
    const app = require('fastify')({ trustProxy: '127.0.0.1' });
    app.get('/slow', async () => { process.stdout.write('slow'); await waiting; return 'done'; });
    app.get('/', async (request) => request.ip);
    app.listen({ port: Number(port), host: 'localhost' });
    process.on('SIGTERM', () => app.close());`,
  Koa: `${SLOW}
    const { default: Koa } = require('koa');
    const app = new Koa({ proxy: true });
    app.use(async (context) => {
      if (context.path === '/slow') { process.stdout.write('slow'); await waiting; }
      context.body = context.ip;
    });
    const server = app.listen(port, '127.0.0.1');
    process.on('SIGTERM', () => server.close());`,
  Hono: `${SLOW}
    const { serve } = require('@hono/node-server');
    const { Hono } = require('hono');
    const app = new Hono();
    app.get('/slow', async (context) => { process.stdout.write('slow'); await waiting; return context.text('done'); });
    app.get('/', (context) => context.text(context.env.incoming.socket.remoteAddress));
    const server = serve({ fetch: app.fetch, port: Number(port), hostname: '127.0.0.1' });
    process.on('SIGTERM', () => server.close());`,
};

for (const [name, code] of Object.entries(apps)) {
  test(`${name}: answers by port and by socket, and finishes what came by the socket before it ends`, { concurrency: true }, async (t) => {
    const app = await start(t, code);
    assert.match((await get({ port: app.port }, '/')).body, /127\.0\.0\.1|::1/);
    assert.match((await get({ socketPath: app.socket }, '/')).body, /127\.0\.0\.1/);
    assert.equal((await get({ socketPath: app.streams }, '/')).status, 200);
    assert.equal(statSync(app.socket).mode & 0o777, 0o666);

    const slow = get({ socketPath: app.socket }, '/slow');
    await said(app, 'slow');
    app.child.kill('SIGTERM');
    // While it closes it takes nothing new by the socket, and its file is gone.
    await until('the socket is closed', () => !existsSync(app.socket) && !existsSync(app.streams));
    assert.equal(await Promise.race([app.exited, slow, Promise.resolve('both wait')]), 'both wait');
    app.child.kill('SIGUSR2');
    assert.equal((await slow).status, 200);
    assert.deepEqual(await app.exited, [0, null]);
  });
}

const STREAMING = `const { WebSocketServer } = require('ws');
  const server = require('node:http').createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    setInterval(() => response.write('data: tick\\n\\n'), 5);
  }).listen(process.env.PORT);
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => setInterval(() => socket.send('tick'), 5));`;
const endings: Record<string, { code: string; exit: [number | null, string | null] }> = {
  'has no handler for SIGTERM': { code: '', exit: [null, 'SIGTERM'] },
  'waits for its connections': { code: "process.on('SIGTERM', () => server.close(() => process.exit(7)));", exit: [7, null] },
};

for (const [name, { code, exit }] of Object.entries(endings)) {
  test(`streams of an app that ${name} are ended cleanly at SIGTERM`, async (t) => {
    const app = await start(t, STREAMING + code);
    const socket = new WebSocket(`ws+unix://${app.streams}:/`);
    const closed = once(socket, 'close') as Promise<[number]>;
    await once(socket, 'message');
    let ticks = 0;
    const ended = new Promise<void>((resolve, reject) => {
      const asked = request({ socketPath: app.streams, path: '/', agent: false }, (response) => {
        response.on('data', () => {
          ticks += 1;
        });
        response.on('error', reject);
        response.on('end', resolve);
      });
      asked.on('error', reject);
      asked.end();
    });
    await until('events come', () => ticks > 0);
    app.child.kill('SIGTERM');
    assert.equal((await closed)[0], 1001);
    await ended;
    assert.deepEqual(await app.exited, exit);
    assert.equal(app.output(), '');
  });
}

test('every form of listen is heard, and other servers of the app are not', async (t) => {
  const forms = [
    '(+port)',
    '(port)',
    "(+port, '127.0.0.1')",
    "(+port, '::1', 5, () => 0)",
    '({ port: +port })',
    "({ port, host: 'localhost' })",
  ];
  await Promise.all(
    forms.map(async (form) => {
      const app = await start(
        t,
        `const port = process.env.PORT; const http = require('node:http');
        http.createServer((request, response) => response.end('other')).listen(0);
        http.createServer((request, response) => response.end('public')).listen${form};
        http.createServer((request, response) => response.end('internal')).listen(process.env.INTERNAL_PORT);`,
      );
      assert.equal((await get({ socketPath: app.socket }, '/')).body, 'public', form);
      await until('the internal socket', () => existsSync(app.internal));
      assert.equal((await get({ socketPath: app.internal }, '/')).body, 'internal', form);
      assert.equal(app.output(), '');
    }),
  );
});

test('an app that listens on one port by two addresses, or from several processes, is heard on one socket', async (t) => {
  const twice = await start(
    t,
    `const http = require('node:http'); const port = process.env.PORT;
    for (const host of ['127.0.0.1', '127.0.0.2']) http.createServer((request, response) => response.end('twice')).listen(port, host);`,
  );
  assert.equal((await get({ socketPath: twice.socket }, '/')).body, 'twice');
  const cluster = await start(
    t,
    `const cluster = require('node:cluster');
    if (cluster.isPrimary) { cluster.fork(); cluster.fork(); process.on('SIGTERM', () => cluster.disconnect()); }
    else require('node:http').createServer((request, response) => response.end(String(process.pid))).listen(process.env.PORT);`,
  );
  const pids = new Set<string>();
  await until('both workers answer', async () => pids.add((await get({ socketPath: cluster.socket }, '/')).body).size === 2);
  assert.equal(twice.output() + cluster.output(), '');
});

test('what a killed process left is replaced by the one that takes its place, and a living one is left alone', async (t) => {
  const code = "require('node:http').createServer((request, response) => response.end(process.title)).listen(process.env.PORT)";
  const first = await start(t, `process.title = 'first'; ${code}`);
  first.child.kill('SIGKILL');
  await first.exited;
  assert.ok(existsSync(first.socket));
  await start(t, `process.title = 'second'; ${code}`, first);
  await until('the second answers', async () => (await get({ socketPath: first.socket }, '/').catch(() => undefined))?.body === 'second');
  const third = await start(t, `process.title = 'third'; ${code}`, { ...first, port: await freePort() });
  await until('the third says so', () => third.output().includes('another process of the app listens there'));
  assert.equal((await get({ socketPath: first.socket }, '/')).body, 'second');
});

test('a server that is closed and opened again, counted, limited and not waited for, behaves as without it', async (t) => {
  const app = await start(
    t,
    `const server = require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
      server.getConnections((error, count) => socket.write('count ' + count));
      socket.on('end', () => socket.end(' bye'));
    });
    server.maxConnections = 2;
    const listen = () => server.listen(+process.env.PORT);
    listen();
    process.on('SIGUSR2', () => server.close(listen));
    process.on('SIGTERM', () => { server.close(); server.unref(); });`,
  );
  const first = connect(app.socket);
  assert.equal(await read(first), 'count 1');
  const second = connect(app.port, '127.0.0.1');
  assert.equal(await read(second), 'count 2');
  const refused = connect(app.socket);
  await once(refused.resume(), 'close');
  second.destroy();
  app.child.kill('SIGUSR2');
  await until('it takes nothing new', () => !existsSync(app.socket));
  first.end();
  assert.equal(await read(first), ' bye');
  await until('it listens again', () => existsSync(app.socket));
  app.child.kill('SIGTERM');
  assert.deepEqual(await app.exited, [0, null]);
});

test('a socket that cannot be had costs the app nothing', async (t) => {
  const app = await start(t, "require('node:http').createServer((request, response) => response.end('up')).listen(process.env.PORT)", {
    socket: '/proc/nowhere/app.sock',
  });
  assert.equal((await get({ port: app.port }, '/')).body, 'up');
  await until('it says so', () => app.output().includes('does not listen on /proc/nowhere/app.sock'));
});

/** Starts an app and waits until its port answers. */
async function start(t: TestContext, code: string, given: Partial<App> = {}): Promise<App> {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-preload-'));
  const port = given.port ?? (await freePort());
  const internalPort = await freePort();
  const { socket = join(folder, 'app.sock'), streams = join(folder, 'app.streams'), internal = join(folder, 'app.internal') } = given;
  const env = {
    PATH: process.env['PATH'],
    NODE_PATH: MODULES,
    NODE_OPTIONS: `--require "${PRELOAD}"`,
    PORT: String(port),
    INTERNAL_PORT: String(internalPort),
    GREENROOM_LISTEN_SOCKET: socket,
    GREENROOM_LISTEN_STREAMS: streams,
    GREENROOM_LISTEN_INTERNAL_SOCKET: internal,
  };
  const file = join(folder, 'app.cjs');
  writeFileSync(file, code);
  const child = spawn(process.execPath, [file], { env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit') as App['exited'];
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  await until('the app listens', () => {
    assert.equal(child.exitCode, null, output);
    return listening(port);
  });
  if (!given.socket) await until('its socket is there', () => existsSync(socket));
  return { child, port, socket, streams, internal, exited, output: () => output };
}

const said = (app: App, text: string): Promise<void> => until(`it says ${text}`, () => app.output().includes(text));

/** Without connecting: the app would count it. */
function listening(port: number): boolean {
  const address = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => readFileSync(table, 'utf8').split('\n'));
  return lines.some((line) => line.includes(address) && line.includes(' 0A '));
}

function get(where: { port: number } | { socketPath: string }, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, agent: false }, (response: IncomingMessage) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function read(socket: ReturnType<typeof connect>): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type ServeOptions, serveHttp, serveInternal } from '@greenroom/sdk/app';
import { WebSocket, WebSocketServer } from 'ws';
import { freePorts } from '../../../../../bench/harness/ports.ts';
import { FRAMEWORKS } from './apps.ts';
import { ask, dial, gate, listens } from './rig.ts';

suite('an app that is served', () => {
  for (const [name, start] of Object.entries(FRAMEWORKS)) {
    test(`in ${name} is ready before it listens, and finishes its requests when it stops`, async (t) => {
      const [port, internal] = await ports();
      const order: string[] = [];
      const held = gate(t);
      const opening = Promise.withResolvers<void>();
      const starting = start(held, {
        env: { PORT: String(port), INTERNAL_PORT: String(internal) },
        init: () => opening.promise,
        health: { db: () => order.push('db') },
        onStop: () => void order.push('onStop'),
        close: () => void order.push('close'),
        onError: (error) => order.push(String(error)),
      });
      await untilListens(internal);
      assert.deepEqual(await ask(internal, '/healthz'), { status: 503, json: { status: 'starting', checks: {} } });
      assert.equal(await listens(port), false);
      opening.resolve();
      const running = await starting;
      assert.equal(running.port, port);
      const health = await ask(internal, '/healthz');
      assert.deepEqual([health.status, health.json['status']], [200, 'ok']);

      const [silent, idle, slow, stream] = await Promise.all([
        dial(t, port),
        dial(t, port, '/'),
        dial(t, port, '/slow'),
        dial(t, port, '/stream'),
      ]);
      await Promise.all([idle.until('at once'), stream.until('begun'), held.waitFor(2)]);
      const stopped = running.stop();
      // Closed at once, while the others are still being answered.
      await Promise.all([silent.closed, idle.closed]);
      assert.equal((await ask(internal, '/healthz')).json['status'], 'stopping');
      assert.equal(await listens(port), false);
      held.let();
      await Promise.all([slow.closed, stream.closed]);
      assert.match(slow.text(), /^HTTP\/1\.1 200 [\s\S]*^connection: close\r\n[\s\S]*in the end/im);
      assert.match(stream.text(), /begun, [\s\S]*in the end/);
      assert.equal(await stopped, true);
      assert.deepEqual(order, ['db', 'onStop', 'close']);
      assert.equal(await listens(internal), false);
    });
  }

  test('answers a request that came on a kept connection while it stopped, and closes it then', async (t) => {
    const [port] = await ports();
    const held = gate(t);
    const running = await serveHttp(
      (request, response) => {
        if (request.url === '/') return response.end('at once');
        held.arrived();
        return held.open.then(() => response.end('in the end'));
      },
      { env: { PORT: String(port) } },
    );
    const client = await dial(t, port);
    // The head of the second one is there but for its end.
    client.socket.write('GET / HTTP/1.1\r\nHost: app\r\n\r\nGET /late HTTP/1.1\r\nHost: app\r\n');
    await client.until('at once');
    const stopped = running.stop();
    client.socket.write('\r\n');
    await held.waitFor(1);
    held.let();
    await client.closed;
    assert.match(client.text(), /connection: close[\s\S]*in the end/i);
    assert.equal(await stopped, true);
  });

  test('says goodbye to WebSockets, and cuts what does not end in time', async (t) => {
    const [port] = await ports();
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    const told: string[] = [];
    const running = await serveHttp(server, {
      env: { PORT: String(port) },
      onStop: () => {
        for (const client of sockets.clients) client.close(1001, 'restarting');
      },
      stopTimeoutMs: 100,
      onError: (error) => told.push(String(error)),
    });
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    await once(client, 'open');
    const hanging = await dial(t, port, '/never');
    await once(server, 'request');
    const closed = once(client, 'close');
    assert.equal(await running.stop(), true);
    assert.deepEqual((await closed).map(String), ['1001', 'restarting']);
    await hanging.closed;
    assert.deepEqual(told, ['Error: Stopped after 100 ms with 1 requests in flight, and closed their connections.']);
  });

  test('does not start when init fails, and leaves nothing behind', async () => {
    const [port, internal] = await ports();
    const listeners = process.listenerCount('SIGTERM');
    const env = { PORT: String(port), INTERNAL_PORT: String(internal) };
    await assert.rejects(
      serveHttp(() => undefined, { env, init: () => Promise.reject(new Error('no database')) }),
      /no database/,
    );
    assert.deepEqual([await listens(port), await listens(internal)], [false, false]);
    await assert.rejects(serveInternal({ env, init: () => Promise.reject(new Error('no database')) }), /no database/);
    assert.equal(await listens(internal), false);
    assert.equal(process.listenerCount('SIGTERM'), listeners);
    await assert.rejects(
      serveHttp(() => undefined, { env: { PORT: '80a' } }),
      /PORT is "80a"/,
    );
  });
});

suite('the internal listener', () => {
  test('names the part that fails or does not answer, without its password, and asks one that hangs once', async (t) => {
    let asked = 0;
    const signals: AbortSignal[] = [];
    const { internal } = await serveQuickly(t, {
      health: {
        db: () => Promise.reject(new Error('cannot reach\npostgres://app:secret@db/app')),
        queue: {
          timeoutMs: 20,
          check: (signal) => {
            asked += 1;
            signals.push(signal);
            return new Promise(() => undefined);
          },
        },
        __proto__: null as never,
        disk: () => 'anything',
      },
    });
    const [first, second] = await Promise.all([ask(internal, '/healthz'), ask(internal, '/healthz')]);
    assert.equal(first.status, 503);
    assert.equal(second.status, 503);
    const checks = first.json['checks'] as Record<string, { ok: boolean; ms: number; error?: string }>;
    assert.equal(first.json['status'], 'failing');
    assert.equal(checks['db']?.error, 'cannot reach postgres://…@db/app');
    assert.deepEqual([checks['queue']?.ok, checks['queue']?.error], [false, 'no answer within 20 ms']);
    assert.equal(typeof checks['queue']?.ms, 'number');
    assert.equal(checks['disk']?.ok, true);
    await ask(internal, '/healthz');
    assert.deepEqual([asked, signals[0]?.aborted], [1, true]);
  });

  test('answers what the app adds, and nothing else', async (t) => {
    const { internal, port } = await serveQuickly(t, {
      healthPath: '/alive',
      internal: { '/internal/chat-user': (_request, response) => response.end('{"user":null}') },
    });
    assert.equal((await ask(internal, '/alive?x')).status, 200);
    assert.equal((await ask(internal, '/internal/chat-user')).status, 200);
    assert.equal((await ask(internal, '/schema/status')).status, 404);
    assert.equal((await ask(internal, '/migrations/run', { method: 'POST' })).status, 404);
    assert.equal((await ask(internal, '/alive', { method: 'POST' })).status, 405);
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/alive`)).text(), 'the app');
  });

  test('listens on a socket file that only owner and group can use, also where a dead one lies', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'greenroom-sdk-'));
    t.after(() => rm(folder, { recursive: true }));
    const socket = join(folder, 'internal.sock');
    const env = { INTERNAL_SOCKET: socket, INTERNAL_PORT: '1' };
    // As after kill -9: Node removes the file only when the server closes.
    const dead = spawnListener(socket);
    await once(dead, 'exit');
    const internal = await serveInternal({ env });
    t.after(() => internal.close());
    assert.equal((await stat(socket)).mode & 0o777, 0o660);
    const response = Promise.withResolvers<number | undefined>();
    request({ socketPath: socket, path: '/healthz' }, (answer) => response.resolve(answer.resume().statusCode)).end();
    assert.equal(await response.promise, 200);
    await assert.rejects(serveInternal({ env }), /EADDRINUSE/);
    await assert.rejects(serveInternal({ env: { INTERNAL_SOCKET: `/${'x'.repeat(107)}` } }), /at most 107 bytes/);
  });
});

suite('SIGTERM', () => {
  test('ends the process with status 0 when the last request is answered, however often it comes', async (t) => {
    const [port] = await ports();
    const child = startChild(t, port, 'slow');
    const client = await whenReady(t, child, port);
    child.kill('SIGTERM');
    await output(child, 'stopping');
    child.kill('SIGTERM');
    child.kill('SIGINT');
    await client.closed;
    assert.match(client.text(), /in the end/);
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });

  test('ends it with status 1 when a hook failed, and says so', async (t) => {
    const [port] = await ports();
    const child = startChild(t, port, 'broken');
    const client = await whenReady(t, child, port);
    child.kill('SIGTERM');
    await client.closed;
    const [said] = await Promise.all([output(child, 'close failed: the pool'), once(child, 'close')]);
    assert.match(said, /greenroom: Error: close failed: the pool hangs/);
    assert.equal(child.exitCode, 1);
  });
});

/** An app in a process of its own: prints `stopping` at SIGTERM, and answers a request 100 ms after that. */
function startChild(t: TestContext, port: number, kind: 'slow' | 'broken'): ChildProcess {
  const code = `
    import { serveHttp } from '@greenroom/sdk/app';
    const stopping = Promise.withResolvers();
    await serveHttp(
      async (request, response) => {
        console.log('asked');
        await stopping.promise;
        setTimeout(() => response.end('in the end'), 100);
      },
      {
        onStop: () => { console.log('stopping'); stopping.resolve(); },
        close: () => { if ('${kind}' === 'broken') throw new Error('the pool hangs'); },
      },
    );
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: import.meta.dirname,
    env: { PORT: String(port), PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  said.set(child, '');
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.set(child, `${said.get(child)}${chunk}`));
  t.after(() => child.kill('SIGKILL'));
  return child;
}

const said = new Map<ChildProcess, string>();

/** Everything that a child has printed, once a text is in it. */
async function output(child: ChildProcess, text: string): Promise<string> {
  while (!said.get(child)?.includes(text)) {
    const more = Promise.race([once(child.stdout ?? child, 'data'), once(child.stderr ?? child, 'data'), once(child, 'close')]);
    await more;
    if (child.exitCode !== null && !said.get(child)?.includes(text)) assert.fail(`it ended after: ${said.get(child)}`);
  }
  return said.get(child) ?? '';
}

async function whenReady(t: TestContext, child: ChildProcess, port: number) {
  await output(child, 'ready');
  const client = await dial(t, port, '/');
  await output(child, 'asked');
  return client;
}

/** A process that listens on a socket file and is killed at once, so that the file stays. */
function spawnListener(socket: string): ChildProcess {
  const code = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  return spawn(process.execPath, ['--eval', code, socket], { stdio: 'ignore' });
}

async function serveQuickly(t: TestContext, options: ServeOptions): Promise<{ port: number; internal: number }> {
  const [port, internal] = await ports();
  const env = { PORT: String(port), INTERNAL_PORT: String(internal) };
  const running = await serveHttp((_request, response) => response.end('the app'), { env, ...options });
  t.after(() => running.stop());
  return { port, internal };
}

async function ports(): Promise<[number, number]> {
  const [port, internal] = await freePorts(2);
  assert.ok(port && internal);
  return [port, internal];
}

async function untilListens(port: number): Promise<void> {
  while (!(await listens(port)));
}

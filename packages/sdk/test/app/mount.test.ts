import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { authorizeHandler, createChat } from '@greenroom/sdk/app';
import { getRequestListener } from '@hono/node-server';
import express, { type RequestHandler } from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { FRAMEWORKS, listening } from './apps.ts';
import { begin, call, nextChunk, postJson } from './client.ts';
import { bodyOf, callerOf, createStandIn, createWorld } from './stand-in.ts';

const anybody = (): { user: { id: string } } => ({ user: { id: 'ann' } });

suite('bodies that were read before the chat', () => {
  test('are written anew from what Express made of them', async (t) => {
    const world = await createWorld(t);
    const service = await createStandIn(t, world.socket);
    const app = express();
    const chat = createChat({ env: world.env, authorize: anybody });
    app.use(express.json(), express.urlencoded({ extended: true }), express.text(), express.raw());
    app.use(chat.express);
    const { port, end } = await listening(createServer(app), chat);
    t.after(end);
    const json = { 'content-type': 'application/json; charset=utf-8' };
    const zipped = gzipSync('{"text":"zip"}');
    const sent: [headers: Record<string, string>, body: string | Buffer, arrives: string][] = [
      [json, '{ "text": "é" }', '{"text":"é"}'],
      [{ ...json, 'content-encoding': 'gzip' }, zipped, '{"text":"zip"}'],
      [{ 'content-type': 'text/plain' }, 'as it is', 'as it is'],
      [{ 'content-type': 'application/octet-stream' }, 'bytes', 'bytes'],
      // Nobody reads this one, and it streams through.
      [{ 'content-type': 'application/x-unknown' }, 'unread', 'unread'],
      [json, '', ''],
    ];
    for (const [headers, body, arrives] of sent) {
      assert.equal((await call(port, '/chat/api/x', { method: 'POST', headers, body })).json().said, arrives);
      assert.equal(service.seen.at(-1)?.headers['content-encoding'], undefined);
    }
    // A form stays one, so that the service refuses what a page of another site can send.
    await call(port, '/chat/api/x', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'text=a',
    });
    assert.equal(service.seen.at(-1)?.headers['content-type'], 'application/x-www-form-urlencoded');
  });

  test('are refused with a sentence when nothing is left of them', async (t) => {
    const world = await createWorld(t);
    const service = await createStandIn(t, world.socket);
    const app = express();
    const reported: unknown[] = [];
    const chat = createChat({ env: world.env, authorize: anybody, onError: (error) => reported.push(error) });
    app.use(async (request, _response, next) => {
      await bodyOf(request);
      next();
    }, chat.express);
    const { port, end } = await listening(createServer(app), chat);
    t.after(end);
    const refusal = await postJson(port, '/chat/api/x', {});
    assert.deepEqual([refusal.status, refusal.json().code], [500, 'internal_error']);
    assert.match(refusal.text, /Mount the chat before/);
    assert.deepEqual([reported.length, service.seen.length], [1, 0]);
  });

  test('are found in Koa and Hono too', async (t) => {
    const world = await createWorld(t);
    await createStandIn(t, world.socket);
    const chat = createChat({ env: world.env, authorize: anybody });
    const koa = new Koa();
    koa.use(async (context, next) => {
      Object.assign(context.request, { body: JSON.parse(await bodyOf(context.req)) });
      await next();
    });
    koa.use(chat.koa);
    const hono = new Hono();
    hono.use(async (context, next) => {
      await context.req.json();
      await next();
    });
    hono.use(chat.hono);
    for (const server of [createServer(koa.callback()), createServer(getRequestListener(hono.fetch))]) {
      const { port, end } = await listening(server, chat);
      t.after(end);
      assert.equal((await postJson(port, '/chat/api/x', { text: 'é' })).json().said, '{"text":"é"}');
    }
  });
});

suite('where the chat is mounted', () => {
  test('another path than the contract names leads to the same service', async (t) => {
    const world = await createWorld(t);
    const service = await createStandIn(t, world.socket);
    const app = express();
    const router = express.Router();
    const chat = createChat({ env: world.env, authorize: anybody, path: '/admin/chat/' });
    router.use('/chat', chat.express);
    app.use('/admin', router);
    app.use((_request, response) => void response.status(404).end());
    const { port, end } = await listening(createServer(app), chat);
    t.after(end);
    assert.equal(chat.path, '/admin/chat');
    assert.equal((await call(port, '/admin/chat/moved?x')).status, 201);
    assert.equal((await call(port, '/admin/chat/moved')).headers.location, '/admin/chat/there');
    await call(port, '/admin/chat');
    assert.deepEqual(
      service.seen.map((one) => one.url),
      ['/.greenroom/moved?x', '/.greenroom/moved', '/.greenroom'],
    );
    assert.equal((await call(port, '/.greenroom/chat.js')).status, 404);
  });

  test('a router below a path finds it by what is left of the path', async (t) => {
    const world = await createWorld(t);
    await createStandIn(t, world.socket);
    const app = express();
    const chat = createChat({ env: world.env, authorize: anybody });
    app.use('/shop', chat.express);
    app.use((_request, response) => void response.status(404).end());
    const { port, end } = await listening(createServer(app), chat);
    t.after(end);
    assert.equal((await call(port, '/shop/chat/chat.js')).status, 201);
    assert.equal((await call(port, '/shop/basket')).status, 404);
  });

  test('Fastify says what to do about a prefix', async (t) => {
    const world = await createWorld(t);
    const app = fastify();
    t.after(() => app.close());
    const chat = createChat({ env: world.env, authorize: anybody });
    await assert.rejects(async () => await app.register(chat.fastify, { prefix: '/shop' }), /createChat\(\{ path: "\/shop\/chat" \}\)/);
  });

  test("the contract's own path is reported: the proxy leads it past the app", async (t) => {
    const world = await createWorld(t);
    const reported: unknown[] = [];
    createChat({ env: world.env, authorize: anybody, path: '/.greenroom/', onError: (error) => reported.push(error) });
    assert.match(String(reported[0]), /Mount the chat at another path/);
  });

  test('without authorize, or with a path that is none, it is not mounted at all', () => {
    assert.throws(() => createChat({} as never), /needs authorize/);
    assert.throws(() => createChat(undefined as never), /needs authorize/);
    assert.throws(() => authorizeHandler(undefined as never), /needs authorize/);
    for (const path of ['chat', '', '/a b', '/a?b', '/a#b'])
      assert.throws(() => createChat({ authorize: anybody, path }), /begins with "\/"/);
  });
});

suite('around the chat', () => {
  test('a middleware that gathers what it compresses is made to send each event', async (t) => {
    const world = await createWorld(t);
    const service = await createStandIn(t, world.socket);
    const app = express();
    const chat = createChat({ env: world.env, authorize: anybody });
    app.use(gathering, chat.express);
    const { port, end } = await listening(createServer(app), chat);
    t.after(end);
    const response = await begin(port, '/chat/stream');
    const stream = await service.stream();
    stream.write('data: 1\n\n');
    assert.equal(await nextChunk(response), 'data: 1\n\n');
    response.destroy();
  });

  test('outside Greenroom, and without an agent in the contract, it says so', async (t) => {
    const world = await createWorld(t);
    const [framework = assert.fail()] = Object.values(FRAMEWORKS);
    const contract = join(world.data, 'app.contract.json');
    const cases: [env: NodeJS.ProcessEnv, sentence: RegExp][] = [
      [{}, /when Greenroom runs the app/],
      [{ GREENROOM_CONTRACT: contract }, /"agent": \{\}/],
    ];
    for (const [env, sentence] of cases) {
      const app = await framework({ env, decide: anybody });
      t.after(() => app.end());
      for (const path of ['/chat/chat.js', '/chat/api/session']) {
        const answer = await call(app.port, path);
        assert.deepEqual([answer.status, answer.json().code], [503, 'unavailable']);
        assert.match(answer.json().error ?? '', sentence);
      }
      assert.equal((await call(app.port, '/')).text, 'the app');
    }
    const { port } = await framework({ env: { GREENROOM_CONTRACT: contract }, decide: anybody }).then((app) => {
      t.after(() => app.end());
      return app;
    });
    for (const damaged of ['{', '{"version":2}', 'null']) {
      await writeFile(join(world.data, 'greenroom.json'), damaged);
      assert.match((await call(port, '/chat/chat.js')).json().error ?? '', /is not understood/);
    }
  });

  test('a caller who leaves while authorize still thinks costs the service nothing', async (t) => {
    const world = await createWorld(t);
    const service = await createStandIn(t, world.socket);
    const asked = Promise.withResolvers<IncomingMessage>();
    const answer = Promise.withResolvers<ReturnType<typeof anybody>>();
    const authorize = (request: IncomingMessage): Promise<ReturnType<typeof anybody>> => {
      asked.resolve(request);
      return answer.promise;
    };
    const chat = createChat({ env: world.env, authorize });
    const { port, end } = await listening(
      createServer((request, response) => void chat.handle(request, response)),
      chat,
    );
    t.after(end);
    const leaving = new AbortController();
    const call1 = begin(port, '/chat/api/slow', { signal: leaving.signal });
    const request = await asked.promise;
    leaving.abort();
    await assert.rejects(call1);
    if (!request.socket.destroyed) await once(request.socket, 'close');
    answer.resolve(anybody());
    assert.equal((await call(port, '/chat/api/next')).status, 201);
    assert.deepEqual(
      service.seen.map((one) => one.url),
      ['/.greenroom/api/next'],
    );
  });

  test('an authorize that never answers refuses in the end', async (t) => {
    const world = await createWorld(t);
    await createStandIn(t, world.socket);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const reported: unknown[] = [];
    const chat = createChat({
      env: world.env,
      authorize: () => {
        queueMicrotask(() => t.mock.timers.tick(10_000));
        return new Promise<null>(() => undefined);
      },
      onError: (error) => reported.push(error),
    });
    const answer = await chat.fetch(new Request('http://localhost/chat/api/session'));
    assert.equal(answer.status, 503);
    assert.match(String(reported[0]), /did not answer within 10 seconds/);
  });

  test('callers are told apart strictly: approve only when it is true, names cut, numbers as ids', async (t) => {
    const world = await createWorld(t);
    const service = await createStandIn(t, world.socket);
    const callers: [answer: unknown, named: unknown][] = [
      [{ user: { id: 0 } }, { user: { id: '0', name: '0' }, approve: false }],
      [
        { user: { id: 'a', name: 'n'.repeat(300) }, approve: 1 },
        { user: { id: 'a', name: 'n'.repeat(200) }, approve: false },
      ],
      [
        { user: { id: 'a', name: null, email: 'a@b.c' }, approve: true },
        { user: { id: 'a', name: 'a' }, approve: true },
      ],
      [{ user: { id: '' } }, undefined],
      [{ user: { id: Number.NaN } }, undefined],
      [{ user: { id: 'x'.repeat(201) } }, undefined],
      [true, undefined],
      ['ann', undefined],
      [[], undefined],
      [undefined, undefined],
      [false, undefined],
    ];
    for (const [answer, named] of callers) {
      const chat = createChat({ env: world.env, authorize: () => answer as null, onError: () => undefined });
      const before = service.seen.length;
      const { status } = await chat.fetch(new Request('http://localhost/chat/api/session'));
      assert.equal(status < 300, named !== undefined, JSON.stringify(answer));
      assert.deepEqual(callerOf(service.seen[before]), named);
    }
  });

  test('it speaks HTTP/2 where the app does', async (t) => {
    const world = await createWorld(t);
    const service = await createStandIn(t, world.socket);
    const chat = createChat({ env: world.env, authorize: anybody });
    const server = createHttp2Server((request, response) => {
      chat.handle(request as never, response as never);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(async () => {
      session.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    const posted = session.request({ ':method': 'POST', ':path': '/chat/api/x', 'content-type': 'application/json', 'content-length': 2 });
    posted.end('{}');
    const [head] = await once(posted, 'response');
    assert.equal(head[':status'], 201);
    assert.equal(service.seen[0]?.body, '{}');
    assert.match(service.seen[0]?.headers.host ?? '', /^127\.0\.0\.1:/);
    posted.resume();
    const stream = session.request({ ':path': '/chat/stream' });
    const upstream = await service.stream();
    upstream.write('data: 1\n\n');
    const [chunk] = await once(stream, 'data');
    assert.equal(String(chunk), 'data: 1\n\n');
    chat.close();
    stream.resume();
    await once(stream, 'end');
  });

  test('fetch answers 404 for what lies elsewhere', async () => {
    const chat = createChat({ env: {}, authorize: anybody });
    assert.equal((await chat.fetch(new Request('http://localhost/'))).status, 404);
  });
});

test('authorizeHandler answers the chat service what authorize says', async (t) => {
  const reported: unknown[] = [];
  const handler = authorizeHandler(
    (request) => {
      const { cookie } = request.headers;
      if (cookie === 'broken') throw new Error('no database');
      return cookie === 'session=1' && { user: { id: 1, name: 'Ann' }, approve: true };
    },
    { onError: (error) => reported.push(error) },
  );
  const { port, end } = await listening(createServer(handler), { path: '', close: () => undefined });
  t.after(end);
  const known = await call(port, '/authorize', { headers: { cookie: 'session=1' } });
  assert.deepEqual([known.status, known.json()], [200, { user: { id: '1', name: 'Ann' }, approve: true }]);
  assert.equal(known.headers['cache-control'], 'no-store');
  const unknown = await call(port, '/authorize');
  assert.deepEqual([unknown.status, unknown.json().code], [403, 'forbidden']);
  assert.equal((await call(port, '/authorize', { headers: { cookie: 'broken' } })).status, 503);
  assert.equal(reported.length, 1);
});

/** As compression does that knows nothing of `no-transform`: holds back what is written until `flush`. */
const gathering: RequestHandler = (_request, response, next) => {
  const write = response.write.bind(response);
  const held: Uint8Array[] = [];
  response.write = (chunk: string | Uint8Array): boolean => {
    held.push(Buffer.from(chunk as Uint8Array));
    return true;
  };
  Object.assign(response, { flush: () => write(Buffer.concat(held.splice(0))) });
  next();
};

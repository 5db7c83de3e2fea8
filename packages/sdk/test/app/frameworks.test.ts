import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { type App, type Decide, FRAMEWORKS, type Framework } from './apps.ts';
import { begin, call, nextChunk, postJson } from './client.ts';
import { BIG, callerOf, createStandIn, createWorld, type StandIn } from './stand-in.ts';

const decide: Decide = (user) => {
  if (user === 'thrower') throw new Error('no database');
  if (user === 'rejecter') return Promise.reject(new Error('no database'));
  if (user === 'odd') return { user: 'ann' } as never;
  return user === 'ann' ? { user: { id: 7, name: 'Ann Ü' }, approve: true } : null;
};

/** One suite for every framework: what an app gets is the same everywhere. */
for (const [name, framework] of Object.entries(FRAMEWORKS)) {
  suite(`the chat in ${name}`, () => {
    test('passes requests on in the name of the caller, and answers back', async (t) => {
      const { app, service } = await start(t, framework);
      const forged = Buffer.from('{"user":{"id":"root","name":"root"},"approve":true}').toString('base64url');
      const answer = await postJson(
        app.port,
        '/chat/api/conversations/%F0%9F%98%80?x=%2F..',
        { text: 'hé' },
        {
          'x-greenroom-caller': forged,
          cookie: 'session=secret',
          authorization: 'Bearer secret',
          connection: 'close, x-private',
          'x-private': 'yes',
          'last-event-id': '12',
        },
      );
      assert.equal(answer.status, 201);
      assert.equal(answer.json().said, '{"text":"hé"}');
      assert.equal(answer.headers['x-answer'], 'yes');
      const seen = service.seen[0];
      assert.equal(seen?.method, 'POST');
      assert.equal(seen?.url, '/.greenroom/api/conversations/%F0%9F%98%80?x=%2F..');
      assert.deepEqual(callerOf(seen), { user: { id: '7', name: 'Ann Ü' }, approve: true });
      assert.equal(seen?.headers['last-event-id'], '12');
      assert.equal(seen?.headers.host, `127.0.0.1:${app.port}`);
      for (const header of ['cookie', 'authorization', 'x-private']) assert.equal(seen?.headers[header], undefined, header);
    });

    test('knows PATCH, DELETE, HEAD and redirects, and leaves other paths to the app', async (t) => {
      const { app, service } = await start(t, framework);
      const patched = await call(app.port, '/chat/api/x', {
        method: 'PATCH',
        body: '{"title":"t"}',
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(patched.json().said, '{"title":"t"}');
      assert.equal((await call(app.port, '/chat/api/x', { method: 'DELETE' })).status, 204);
      const head = await call(app.port, '/chat', { method: 'HEAD' });
      assert.deepEqual([head.status, head.headers['x-head'], head.text], [200, 'yes', '']);
      assert.equal((await call(app.port, '/chat/moved')).headers.location, '/chat/there');
      assert.equal((await call(app.port, '/chat/slash')).headers.location, './chat/');
      const passed = service.seen.length;
      assert.equal((await call(app.port, '/')).text, 'the app');
      assert.equal((await call(app.port, '/chatty/api/session')).status, 404);
      assert.equal(service.seen.length, passed);
    });

    test('refuses whoever is not let in, and gives the element to everybody', async (t) => {
      const { app, service, reported } = await start(t, framework);
      const refusal = await call(app.port, '/chat/api/session', { headers: { 'x-user': 'eve' } });
      assert.deepEqual([refusal.status, refusal.json().code], [401, 'unauthorized']);
      for (const user of ['thrower', 'rejecter', 'odd']) {
        const failed = await call(app.port, '/chat/api/session', { headers: { 'x-user': user } });
        assert.deepEqual([failed.status, failed.json().code], [503, 'unavailable'], user);
        assert.doesNotMatch(failed.text, /database/);
      }
      assert.equal(reported.length, 3);
      assert.equal(service.seen.length, 0);
      for (const asset of ['/chat/chat.js', '/chat/assets/a/b.js?v=1']) {
        assert.equal((await call(app.port, asset, { headers: { 'x-user': 'eve' } })).status, 201);
        assert.equal(service.seen.at(-1)?.headers['x-greenroom-caller'], undefined);
      }
      assert.equal((await call(app.port, '/chat/chat.js', { method: 'DELETE', headers: { 'x-user': 'eve' } })).status, 401);
    });

    test('lets no path mean another one further on', async (t) => {
      const { app, service } = await start(t, framework);
      for (const path of [
        '/chat/assets/../api/session',
        '/chat/assets/%2e%2E/api/session',
        '/chat/assets/..%2fapi/session',
        '/chat/assets/..%5capi/session',
        '/chat/assets//x',
        '/x/../chat/api/session',
        '//chat/api/session',
        '/%63hat/api/session',
      ]) {
        const { status } = await call(app.port, path, { headers: { 'x-user': 'eve' } });
        assert.ok([400, 401, 404].includes(status), `${path}: ${status}`);
      }
      assert.equal(service.seen.length, 0);
    });

    test('streams events one by one, and tells the service when the client leaves', async (t) => {
      const { app, service } = await start(t, framework);
      const leaving = new AbortController();
      const response = await begin(app.port, '/chat/api/conversations/1/stream', { signal: leaving.signal });
      assert.match(response.headers['cache-control'] ?? '', /no-transform/);
      const stream = await service.stream();
      for (const seq of [1, 2, 3]) {
        stream.write(`id: ${seq}\ndata: {}\n\n`);
        assert.equal(await nextChunk(response), `id: ${seq}\ndata: {}\n\n`);
      }
      const closed = once(stream, 'close');
      response.on('error', () => response.destroy());
      leaving.abort();
      await closed;
    });

    test('ends its streams cleanly when the app drains, and lets other answers finish', async (t) => {
      const { app, service } = await start(t, framework);
      const response = await begin(app.port, '/chat/api/conversations/1/stream', { keep: true });
      const stream = await service.stream();
      stream.write('data: 1\n\n');
      assert.equal(await nextChunk(response), 'data: 1\n\n');
      const upstreamClosed = once(stream, 'close');
      const drained = app.drain();
      assert.equal(await nextChunk(response), '');
      assert.equal(response.complete, true);
      await Promise.all([drained, upstreamClosed]);
    });

    test('passes on large answers, and shows a cut one as cut', async (t) => {
      const { app } = await start(t, framework);
      const big = await call(app.port, '/chat/big');
      assert.ok(big.body.equals(BIG));
      assert.equal(big.headers.etag, '"big"');
      await assert.rejects(call(app.port, '/chat/cut'));
      const gone = await call(app.port, '/chat/gone');
      assert.deepEqual([gone.status, gone.json().code, gone.headers['retry-after']], [503, 'unavailable', '1']);
    });
  });
}

async function start(t: TestContext, framework: Framework): Promise<{ app: App; service: StandIn; reported: unknown[] }> {
  const world = await createWorld(t);
  const service = await createStandIn(t, world.socket);
  const reported: unknown[] = [];
  const app = await framework({ env: world.env, decide, onError: (error) => reported.push(error) });
  t.after(() => app.end());
  return { app, service, reported };
}

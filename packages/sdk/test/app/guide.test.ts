/** The examples of docs/guides/chat-in-your-app.md, run as they stand there. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort } from '../../../../bench/harness/ports.ts';
import { begin, call, nextChunk } from './client.ts';
import { example, listens, startExample } from './guide.ts';
import { callerOf, createStandIn, createWorld, type World } from './stand-in.ts';

const GUIDE = 'chat-in-your-app.md';
const ANN = { headers: { cookie: 'theme=dark; key=long-and-random' } };

test('the Express app of the guide has a chat for Ann alone, and drains', async (t) => {
  const world = await createWorld(t);
  const service = await createStandIn(t, world.socket);
  const port = await freePort();
  const app = await start(t, world, {
    file: 'server.js',
    code: await example(GUIDE, 'server.js'),
    program: process.execPath,
    env: { PORT: String(port) },
  });
  await listens(port, app);
  assert.doesNotMatch((await call(port, '/')).text, /script/);
  assert.match((await call(port, '/', ANN)).text, /src="\/chat\/chat\.js"/);
  assert.equal((await call(port, '/chat/chat.js')).status, 201);
  assert.equal((await call(port, '/chat/api/session')).status, 401);
  assert.equal((await call(port, '/chat/api/session', { headers: { cookie: 'key=undefined' } })).status, 401);
  assert.equal((await call(port, '/chat/api/session', ANN)).status, 201);
  assert.deepEqual(callerOf(service.seen.at(-1)), { user: { id: 'ann', name: 'Ann' }, approve: true });
  const login = await call(port, '/login?key=long-and-random');
  assert.match(String(login.headers['set-cookie']), /^key=long-and-random; Path=\/; HttpOnly; SameSite=Strict$/);
  const stream = await begin(port, '/chat/api/conversations/1/stream', { ...ANN, keep: true });
  await service.stream();
  app.kill('SIGTERM');
  const [[code]] = await Promise.all([once(app, 'exit'), nextChunk(stream)]);
  assert.equal(code, 0);
  assert.equal(stream.complete, true);
});

test('the Python app of the guide says who may chat, on its internal port', async (t) => {
  const world = await createWorld(t);
  const [port, internal] = [await freePort(), await freePort()];
  const env = { PORT: String(port), INTERNAL_PORT: String(internal) };
  const app = await start(t, world, { file: 'app.py', code: await example(GUIDE, 'app.py'), program: 'python3', env });
  await Promise.all([listens(port, app), listens(internal, app)]);
  assert.match((await call(port, '/', ANN)).text, /src="\/\.greenroom\/chat\.js"/);
  const known = await call(internal, '/internal/chat-user', ANN);
  assert.deepEqual([known.status, known.json()], [200, { user: { id: 'ann', name: 'Ann' }, approve: true }]);
  assert.equal((await call(internal, '/internal/chat-user')).status, 401);
  const login = await call(port, '/login?key=long-and-random%0d%0aX-Evil:%201');
  assert.equal(login.headers['x-evil'], undefined);
  app.kill('SIGTERM');
  assert.deepEqual(await once(app, 'exit'), [0, null]);
});

interface Program {
  file: string;
  code: string;
  program: string;
  env: Record<string, string>;
}

async function start(t: TestContext, world: World, { env, ...rest }: Program): Promise<ChildProcess> {
  const folder = join(world.data, 'app');
  await mkdir(folder);
  return startExample(t, { folder, ...rest, env: { ...world.env, ...env, ANN_KEY: 'long-and-random' } });
}

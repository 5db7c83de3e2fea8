/** The examples of docs/guides/chat-in-your-app.md, run as they stand there. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../../bench/harness/ports.ts';
import { begin, call, nextChunk } from './client.ts';
import { callerOf, createStandIn, createWorld, type World } from './stand-in.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const ANN = { headers: { cookie: 'theme=dark; key=long-and-random' } };

test('the Express app of the guide has a chat for Ann alone, and drains', async (t) => {
  const world = await createWorld(t);
  const service = await createStandIn(t, world.socket);
  const port = await freePort();
  const app = await start(t, world, {
    file: 'server.js',
    code: await example('server.js'),
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
  const app = await start(t, world, { file: 'app.py', code: await example('app.py'), program: 'python3', env });
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

/** The code block of the guide that follows its file's name. */
async function example(file: string): Promise<string> {
  const guide = await readFile(join(ROOT, 'docs', 'guides', 'chat-in-your-app.md'), 'utf8');
  const found = new RegExp(`\`${file.replace('.', '\\.')}\`[^\n]*:\n\n\`\`\`\\w+\n(.*?)\n\`\`\``, 's').exec(guide)?.[1];
  return found ?? assert.fail(`the guide has no ${file}`);
}

/** What each app wrote to its error output. */
const said = new Map<ChildProcess, string>();

interface Program {
  file: string;
  code: string;
  program: string;
  env: Record<string, string>;
}

/** The example as a process in a folder of its own that finds the packages of this repository. */
async function start(t: TestContext, world: World, { file, code, program, env }: Program): Promise<ChildProcess> {
  const folder = join(world.data, 'app');
  await mkdir(folder);
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, file), code);
  const child = spawn(program, [file], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...world.env, ...env, ANN_KEY: 'long-and-random' },
  });
  child.stderr.on('data', (chunk: Buffer) => said.set(child, `${said.get(child) ?? ''}${chunk}`));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  return child;
}

async function listens(port: number, app: ChildProcess): Promise<void> {
  for (;;) {
    assert.equal(app.exitCode, null, `the app ended: ${said.get(app)}`);
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise((done) => socket.once('connect', () => done(true)).once('error', () => done(false)));
    socket.destroy();
    if (open) return;
    await sleep(20);
  }
}

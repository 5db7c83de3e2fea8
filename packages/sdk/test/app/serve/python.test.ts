/** The Python files of docs/guides/app-sdk.md, run as they stand there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { freePorts } from '../../../../../bench/harness/ports.ts';
import { example, listens, startExample } from '../guide.ts';
import { folderOf, put } from '../schema/rig.ts';
import { ask, listens as isListening } from './rig.ts';

const GUIDE = 'app-sdk.md';

const SERVERS = [
  { file: 'serve.py', program: 'python3', args: ['serve.py'] },
  { file: 'gunicorn.conf.py', program: 'gunicorn', args: ['--workers', '2', 'shop:app'] },
  { file: 'asgi.py', program: 'uvicorn', args: ['asgi:app', '--timeout-graceful-shutdown', '8'] },
];

for (const { file, program, args } of SERVERS) {
  const missing = spawnSync(program, ['--version']).error !== undefined;
  test(`${program} with the recipe: health, schema and a stop`, { skip: missing && `${program} is not installed` }, async (t) => {
    const [port = 0, internal = 0] = await freePorts(2);
    const folder = await folderOf(t, { 'data/.keep': '' });
    for (const needed of ['greenroom_internal.py', 'shop.py']) await put(folder, { [needed]: await example(GUIDE, needed) });
    const db = new DatabaseSync(join(folder, 'data/shop.db'));
    db.exec('PRAGMA user_version = 1');
    const env = { PORT: String(port), INTERNAL_PORT: String(internal), PYTHONDONTWRITEBYTECODE: '1' };
    const started = program === 'uvicorn' ? [...args, '--port', String(port)] : args;
    const app = await startExample(t, { folder, file, code: await example(GUIDE, file), program, args: started, env });
    await listens(internal, app);
    await listens(port, app);
    assert.match(await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text(), /^Hello/);
    const health = await ask(internal, '/healthz?x');
    assert.deepEqual([health.status, health.json['status']], [200, 'ok']);
    assert.deepEqual(await ask(internal, '/schema/status'), {
      status: 200,
      json: { current_schema_version: 1, code_min_schema_version: 1, code_max_schema_version: 2, pending_migrations: 1, compatible: true },
    });
    db.exec('PRAGMA user_version = 3');
    assert.equal((await ask(internal, '/schema/status')).json['compatible'], false);
    assert.equal((await ask(internal, '/other')).status, 404);
    db.close();
    app.kill('SIGTERM');
    // Uvicorn ends as the signal would have ended it, after its last request.
    assert.deepEqual(await once(app, 'exit'), program === 'uvicorn' ? [null, 'SIGTERM'] : [0, null]);
    assert.equal(await isListening(internal), false);
  });
}

test('the Python recipe waits for the app, names what fails or hangs, asks that once, and takes a socket file', async (t) => {
  const [port = 0] = await freePorts(1);
  const folder = await folderOf(t, {
    'greenroom_internal.py': await example(GUIDE, 'greenroom_internal.py'),
    'in.sock': 'of a killed process',
  });
  const code = `
import os, socket, sys, threading
import greenroom_internal
greenroom_internal.TIMEOUT_S = 0.2
asked = []
def fail(): raise RuntimeError("no database")
def hang():
    asked.append(1)
    threading.Event().wait()
def schema(): raise RuntimeError("asked %d" % len(asked))
greenroom_internal.start(health={"db": fail, "queue": hang}, schema=schema)
print("listening", file=sys.stderr)
sys.stdin.readline()
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
sys.stdin.readline()
`;
  const socket = join(folder, 'in.sock');
  const env = { PORT: String(port), INTERNAL_SOCKET: socket };
  const app = await startExample(t, { folder, file: 'app.py', code, program: 'python3', env, input: true });
  assert.match(String(await once(app.stderr ?? assert.fail('its error output is not read'), 'data')), /^listening$/m);
  assert.deepEqual(await get(socket, '/healthz'), [503, { status: 'starting', checks: {} }]);
  app.stdin?.write('listen\n');
  await listens(port, app);
  for (const _time of [1, 2]) {
    const [status, { checks, ...rest }] = await get(socket, '/healthz');
    assert.deepEqual([status, rest], [503, { status: 'failing' }]);
    const { db, queue } = checks as Record<string, { ok: boolean; ms: number; error: string }>;
    assert.deepEqual([db?.ok, db?.error, queue?.ok, queue?.error], [false, 'no database', false, 'no answer within 200 ms']);
  }
  assert.deepEqual(await get(socket, '/schema/status'), [503, { code: 'schema_unreadable', error: 'asked 1' }]);
  app.stdin?.end('\n');
  assert.deepEqual(await once(app, 'exit'), [0, null], 'a part that hangs keeps no process alive');
});

type Got = [number | undefined, Record<string, unknown>];

function get(socketPath: string, path: string): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>();
  const sent = request({ socketPath, path }, async (response) => {
    const text = (await response.toArray()).join('');
    resolve([response.statusCode, JSON.parse(text)]);
  });
  sent.on('error', reject).end();
  return promise;
}

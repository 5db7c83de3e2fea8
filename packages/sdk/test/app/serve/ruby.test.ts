/** The Ruby files of docs/guides/app-sdk.md, run as they stand there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { freePorts } from '../../../../../bench/harness/ports.ts';
import { example, listens, startExample } from '../guide.ts';
import { folderOf, put } from '../schema/rig.ts';
import { ask } from './rig.ts';

const GUIDE = 'app-sdk.md';
const missing = spawnSync('puma', ['--version']).error !== undefined;

test('puma with the recipe: health, schema and a stop', { skip: missing && 'puma is not installed' }, async (t) => {
  const [port = 0, internal = 0] = await freePorts(2);
  const folder = await folderOf(t, { 'data/version': '1\n', 'puma.rb': await example(GUIDE, 'puma.rb') });
  await put(folder, { 'greenroom_internal.rb': await example(GUIDE, 'greenroom_internal.rb') });
  const env = { PORT: String(port), INTERNAL_PORT: String(internal) };
  const code = await example(GUIDE, 'config.ru');
  const app = await startExample(t, { folder, file: 'config.ru', code, program: 'puma', args: ['--config', 'puma.rb'], env });
  await listens(internal, app);
  await listens(port, app);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text(), 'Hello\n');
  const health = await ask(internal, '/healthz?x');
  assert.deepEqual([health.status, health.json['status']], [200, 'ok']);
  const status = {
    current_schema_version: 1,
    code_min_schema_version: 1,
    code_max_schema_version: 2,
    pending_migrations: 1,
    compatible: true,
  };
  assert.deepEqual(await ask(internal, '/schema/status'), { status: 200, json: status });
  await put(folder, { 'data/version': 'none' });
  assert.equal((await ask(internal, '/schema/status')).status, 503);
  assert.equal((await ask(internal, '/other')).status, 404);
  app.kill('SIGTERM');
  assert.deepEqual(await once(app, 'exit'), [0, null]);
});

test('the Ruby recipe waits for the app, names what fails or hangs, and asks that once', {
  skip: missing && 'puma is not installed',
}, async (t) => {
  const [port = 0, internal = 0] = await freePorts(2);
  const folder = await folderOf(t, { 'greenroom_internal.rb': await example(GUIDE, 'greenroom_internal.rb') });
  const code = `
require_relative "greenroom_internal"
GreenroomInternal.send(:remove_const, :TIMEOUT_S)
GreenroomInternal::TIMEOUT_S = 0.2
asked = 0
hang = -> { asked += 1; sleep }
GreenroomInternal.start(health: { "db" => -> { raise "no database" }, "queue" => hang }, schema: -> { { asked: asked } })
$stdin.gets
server = TCPServer.new("127.0.0.1", ENV["PORT"].to_i)
$stdin.gets
`;
  const env = { PORT: String(port), INTERNAL_PORT: String(internal) };
  const app = await startExample(t, { folder, file: 'app.rb', code, program: 'ruby', env, input: true });
  await listens(internal, app);
  assert.deepEqual(await ask(internal, '/healthz'), { status: 503, json: { status: 'starting', checks: {} } });
  app.stdin?.write('listen\n');
  await listens(port, app);
  for (const _time of [1, 2]) {
    const { status, json } = await ask(internal, '/healthz');
    const checks = json['checks'] as Record<string, { ok: boolean; error: string }>;
    assert.deepEqual([status, json['status'], checks['db']?.error], [503, 'failing', 'no database']);
    assert.deepEqual([checks['queue']?.ok, checks['queue']?.error], [false, 'no answer within 200 ms']);
  }
  assert.deepEqual((await ask(internal, '/schema/status')).json, { asked: 1 });
  app.stdin?.end('\n');
  assert.deepEqual(await once(app, 'exit'), [0, null]);
});

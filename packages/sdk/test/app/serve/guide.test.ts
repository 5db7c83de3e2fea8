/** The examples of docs/guides/app-sdk.md, run as they stand there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { freePorts } from '../../../../../bench/harness/ports.ts';
import { example, listens, startExample } from '../guide.ts';
import { brief, run, schemaStatus } from '../migrations/rig.ts';
import { folderOf, put } from '../schema/rig.ts';
import { ask, dial } from './rig.ts';

const GUIDE = 'app-sdk.md';

test('the Express app of the guide is healthy, migrates its database, and stops', async (t) => {
  const [port = 0, internal = 0] = await freePorts(2);
  const folder = await folderOf(t, { 'package.json': '{"type":"module"}', 'migrations/001_users.sql': 'CREATE TABLE users (id INTEGER);' });
  const env = { PORT: String(port), INTERNAL_PORT: String(internal) };
  const app = await startExample(t, { folder, file: 'server.js', code: await example(GUIDE, 'server.js'), program: process.execPath, env });
  await listens(port, app);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'Hello');
  const health = await ask(internal, '/healthz');
  assert.deepEqual([health.status, Object.keys(health.json['checks'] as object)], [200, ['db']]);
  assert.deepEqual(brief(await run(internal)), ['start', 'applying 001_users', 'applied 001_users', 'done']);
  await put(folder, { 'migrations/002_total.sql': 'ALTER TABLE users ADD COLUMN total INTEGER;' });
  assert.deepEqual(await schemaStatus(internal), {
    current_schema_version: 1,
    code_min_schema_version: 0,
    code_max_schema_version: 2,
    pending_migrations: 1,
    compatible: true,
  });
  const idle = await dial(t, port, '/');
  await idle.until('Hello');
  app.kill('SIGTERM');
  assert.deepEqual(await once(app, 'exit'), [0, null]);
});

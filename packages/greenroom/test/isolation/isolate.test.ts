import assert from 'node:assert/strict';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { type IsolatedApp, prepareApp } from './isolated-app.ts';
import type { Ran } from './machine.ts';

const ROOT = { skip: process.getuid?.() !== 0 && 'needs root' };

test('an isolated app serves as its user, its setup works as another, and both outlive a killed orchestrator', ROOT, async (t) => {
  const app = await prepareApp(t);
  const { machine, layout } = app;
  const plain = await app.start();
  assert.match(plain.output(), /Not isolated: app, setup and agent run as this user/);
  assert.ok((await app.client.deploy({ branch: 'main' })).success);
  assert.equal((await app.visit())['uid'], 0);
  const refused = await machine.greenroom(['isolate', '--app', 'shop']);
  assert.match(refused.stderr, /"shop" runs\. Stop it first: greenroom stop --app shop/);
  await plain.end('SIGTERM');

  const passwd = join(machine.folder, 'secret');
  writeFileSync(passwd, 'of root', { mode: 0o600 });
  for (const folder of [layout.slot('a'), layout.shared]) symlinkSync(passwd, join(folder, 'planted'));
  const first = await machine.greenroom(['isolate', '--app', 'shop', '--json']);
  assert.equal(first.code, 0, first.stderr + first.stdout);
  const again = await machine.greenroom(['isolate', '--app', 'shop', '--json']);
  assert.deepEqual(JSON.parse(again.stdout).steps, []);
  assert.deepEqual([statSync(passwd).uid, statSync(passwd).mode & 0o777], [0, 0o600]);
  const [uid, setup] = await Promise.all(
    ['gr-shop-app', 'gr-shop-setup'].map(async (name) => Number(await machine.must('id', ['-u', name]))),
  );

  const doctored = await machine.greenroom(['doctor', '--app', 'shop', '--boot']);
  assert.match(doctored.stderr, /"shop" has users of its own/);

  for (const user of [undefined, 'gr-shop']) {
    const orchestrator = await app.start(user);
    const commit = app.commit({ 'change.txt': String(user), 'package.json': JSON.stringify({ name: String(user) }) });
    const deployed = await app.client.deploy({ commit });
    assert.ok(deployed.success, JSON.stringify(deployed));
    const said = await app.visit('/write');
    assert.deepEqual([said['uid'], said['made'], said['home']], [uid, String(setup), join(layout.data, 'app-home')]);
    // The orchestrator's user needs no special right to ask, as the chat does; nobody else gets there.
    assert.equal((await askInside(app, user ?? 'root')).stdout, '200');
    assert.match((await askInside(app, 'gr-shop-setup')).stderr, /EACCES/);
    await orchestrator.end('SIGKILL');
    assert.equal((await app.visit())['uid'], uid);
    const next = await app.start(user);
    const { live_commit, healthy } = await app.client.status();
    assert.deepEqual([live_commit, healthy], [commit, true]);
    await next.end('SIGTERM');
    const left = await machine.run('pgrep', ['-u', 'gr-shop-app,gr-shop-setup']);
    assert.equal(left.stdout, '');
  }
  assert.equal(readFileSync(join(layout.shared, 'files', 'visits'), 'utf8').length, 2);
});

/** Asks the app's internal socket as a user of the machine. */
async function askInside({ machine, layout }: IsolatedApp, user: string): Promise<Ran> {
  const script =
    'require("node:http").get({ socketPath: process.argv[1], path: "/" }, (answer) => process.stdout.write(String(answer.statusCode)))';
  return await machine.run(machine.command[0], ['-e', script, layout.internalSocket], { user });
}

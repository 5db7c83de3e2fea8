import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listeningPorts } from '../../src/orchestrator/adapters/probe/listeners.ts';
import { ask } from './ask.ts';
import { instanceProcesses, openRig, pidOf, type Rig, until, visitAllTheTime } from './rig.ts';

test('health, swaps, standby and adoption by the internal socket, at one stable path', async (t) => {
  const rig = await openRig(t, {
    contract: (root) => ({
      internal_port: undefined,
      internal_socket: join(root, 'shop.sock'),
      standby_ms: 60_000,
      schema_status_endpoint: '/schema',
      env: { SCHEMA_FILE: join(root, 'schema.json') },
    }),
  });
  writeFileSync(join(rig.root, 'schema.json'), '{"version":0}');
  const path = join(rig.root, 'shop.sock');
  const answering = async (): Promise<unknown> => (await ask({ socket: path, path: '/healthz' })).headers['x-commit'];
  const sockets = (): string[] => readdirSync(join(rig.data, 'run', 'internal'));

  const one = rig.commit({ name: 'one', schema: [0, 0] });
  await rig.live(one);
  const first = pidOf(await rig.status());
  assert.equal(await answering(), one);
  assert.equal((await rig.status()).schema?.problem, '', 'the schema is asked for there too');
  assert.equal(statSync(join(rig.data, 'run', 'internal')).mode & 0o777, 0o700);
  assert.equal(listeningPorts(first).length, 1, 'no internal port is open');

  const visits = visitAllTheTime(rig);
  const two = rig.commit({ name: 'two', schema: [0, 0] });
  await rig.live(two);
  assert.equal(await answering(), two);
  await rig.client.rollback();
  assert.equal(pidOf(await rig.status()), first, 'the standby');
  assert.equal(await answering(), one);
  // The orchestrator is gone and the app is not: the path leads on to it, and the next start takes both over.
  await rig.kill();
  assert.equal(await answering(), one);
  rmSync(path);
  writeFileSync(join(rig.data, 'run', 'internal', 'of-long-ago.sock'), '');
  await rig.start();
  assert.equal(pidOf(await rig.status()), first);
  assert.equal(await answering(), one);
  assert.ok(!sockets().includes('of-long-ago.sock'));
  assert.deepEqual(await visits.end(), []);

  // A process that is killed leaves its socket behind; the one that takes its place has another.
  process.kill(first, 'SIGKILL');
  await until(
    async () => {
      const status = await rig.status();
      return status.healthy && ![0, first].includes(pidOf(status));
    },
    () => 'the live release is back',
  );
  assert.equal(await answering(), one);
  await until(
    () => sockets().length === instanceProcesses(rig.data).size,
    () => `sockets: ${sockets()}`,
  );
  await notOurs(rig, path);
  assert.equal(await rig.stop(), 0);
  assert.equal(readFileSync(path, 'utf8'), 'mine');
  assert.deepEqual(sockets(), []);
});

/** Somebody else's file is in the way: nothing goes live over it, and nothing is lost. */
async function notOurs(rig: Rig, path: string): Promise<void> {
  rmSync(path);
  writeFileSync(path, 'mine');
  const three = rig.commit({ name: 'three', schema: [0, 0] });
  await rig.refused({ commit: three }, { code: 'promote_failed', step: 'promote', error: /there is a file, which is left alone/ });
  assert.ok(lstatSync(path).isFile());
}

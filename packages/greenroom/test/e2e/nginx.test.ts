import assert from 'node:assert/strict';
import { chmodSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { startNginxRig } from '../router/suite/nginx-rig.ts';
import { deployReturnAndDie } from './behind-proxy.ts';
import { assertPortFree, openRig, prepareRig, until } from './rig.ts';

/** As /var/lib is: nginx's workers pass through. */
const passable = { prepare: (root: string): void => chmodSync(root, 0o755) };

test('behind nginx: deploys, rollbacks and ends of the orchestrator that nobody notices, and nothing left after a stop', {
  timeout: 120_000,
}, async (t) => {
  const nginx = await startNginxRig(t, 'socket');
  const router = { kind: 'nginx', config_dir: nginx.configDir, command: nginx.command };
  const rig = await openRig(t, { contract: { router }, ...passable });
  const { one, visits } = await deployReturnAndDie(rig);
  await rig.start();
  assert.equal((await rig.status()).live_commit, one);
  await rig.live(rig.commit({ name: 'three' }));
  assert.deepEqual(await visits.end(), [], 'nobody noticed');

  await nginx.kill();
  assert.equal((await rig.visit()).body, 'three\n');
  assert.equal(await rig.stop(), 0);
  await until(
    () => readdirSync(layoutOf(rig.data).sockets).length === 0,
    () => `sockets are left: ${readdirSync(layoutOf(rig.data).sockets)}`,
  );
  for (const port of [rig.port, rig.internalPort]) await assertPortFree(port);
  assert.deepEqual(
    readdirSync(nginx.configDir).filter((name) => name.endsWith('.conf')),
    [],
  );
});

test('behind nginx: what keeps it from serving the app keeps Greenroom from starting, with what to do', async (t) => {
  const nginx = await startNginxRig(t, 'socket');
  const router = { kind: 'nginx', config_dir: nginx.configDir, command: nginx.command };
  const rig = await prepareRig(t, { contract: { router } });
  // A folder for its owner alone, as home directories are.
  await assert.rejects(rig.start(), /cannot reach the app's sockets.*may not pass through.*Allow it with: chmod o\+x /s);
  assert.ok(!readdirSync(nginx.configDir).some((name) => name.endsWith('.conf')), 'nothing of it stays in nginx');
  await nginx.stop();
  chmodSync(rig.root, 0o755);
  await assert.rejects(rig.start(), /nginx does not take a reload.*systemctl start nginx/s);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { removeRootFolder } from '../limits/rig.ts';
import { openRig, until } from './rig.ts';

const KILLED = /was killed by the kernel at 150 MB of memory, its limit \(limits\.app\.memory_mb\)/;

test('memory has an end: a candidate fails with its limit as the evidence, what is live is started again and its end explained', async (t) => {
  const folder = `greenroom-test-e2e-${process.pid}`;
  const rig = await openRig(t, {
    contract: { limits: { app: { memory_mb: 150, processes: 100 } } },
    env: { GREENROOM_CGROUP: folder },
  });
  t.after(() => removeRootFolder(folder));
  // Slow to start, so that what is between its end and the next start can be seen.
  const good = rig.commit({ name: 'good', listensAfterMs: 1_000 });
  await rig.live(good);
  const { evidence } = await rig.refused({ commit: rig.commit({ eats: true }) }, { code: 'boot_exited', error: KILLED });
  assert.deepEqual([evidence?.exit?.limit, evidence?.exit?.signal], ['limits.app.memory_mb', 'SIGKILL']);
  assert.match(evidence?.remedy ?? '', /raise limits\.app\.memory_mb in the contract/);

  await rig.visit('/eat').catch(() => undefined);
  await until(
    async () => (await rig.status()).restart !== null,
    () => 'a restart',
  );
  assert.match((await rig.status()).restart?.last_exit ?? '', KILLED);
  await until(
    async () => (await rig.status()).healthy,
    () => 'healthy again',
  );
  assert.equal((await rig.visit()).body, 'good\n');
  assert.match(readFileSync(rig.logFile, 'utf8'), /The live release is not running \(was killed by the kernel at 150 MB/);
});

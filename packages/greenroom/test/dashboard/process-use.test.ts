import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { measureFamilies } from '../../src/dashboard/process-use.ts';

test('memory and processor time of a process count its descendants, and nobody else', async (t) => {
  const burn = 'while (process.cpuUsage().user < 150_000); console.log("done"); setInterval(() => undefined, 1e6);';
  const child = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(burn)}], { stdio: 'inherit' }); setInterval(() => undefined, 1e6);`;
  const family = spawn(process.execPath, ['-e', child], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = family.pid ?? 0;
  t.after(async () => {
    const ended = once(family, 'exit');
    process.kill(-pid, 'SIGKILL');
    await ended;
  });
  await once(family.stdout, 'data');
  const use = measureFamilies([pid, 4_999_999]);
  assert.deepEqual([...use.keys()], [pid]);
  const own = use.get(pid);
  assert.ok(own && own.cpuSeconds >= 0.1 && own.cpuSeconds < 10, JSON.stringify(own));
  // Two bare processes of Node.
  assert.ok(own.memoryBytes > 50e6 && own.memoryBytes < 400e6, JSON.stringify(own));
});

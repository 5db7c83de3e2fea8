import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkLimits } from '../../src/cli/doctor/limits.ts';
import { openLimiters } from '../../src/confine/limiters.ts';
import { writeLimitsReport } from '../../src/orchestrator/adapters/limits-report.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { ownIdentity } from '../../src/proc.ts';
import { contractOf } from '../git/fixture.ts';

test('doctor says what of the limits holds where the orchestrator runs', async (t) => {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'limits-')));
  t.after(() => rmSync(layout.data, { recursive: true }));
  mkdirSync(layout.run);
  const running = { ...ownIdentity(), api_port: 1 };
  const contract = contractOf({ limits: { app: { memory_mb: 200 } } });
  const look = async () => (await checkLimits({ contract, layout, running })).map(({ level, says }) => [level, says]);
  assert.deepEqual(await checkLimits({ contract: contractOf(), layout, running }), []);
  assert.deepEqual(await look(), [['warn', 'the orchestrator does not know of them']]);
  await writeLimitsReport(layout.limitsReport, { place: 'cgroup v2 in /sys/fs/cgroup/x', gaps: '' });
  assert.deepEqual(await look(), [['ok', 'held by the kernel (cgroup v2 in /sys/fs/cgroup/x)']]);
  await writeLimitsReport(layout.limitsReport, { place: '', gaps: 'Not held by the kernel on this machine: limits.app.memory_mb.' });
  assert.deepEqual(await look(), [['warn', 'Not held by the kernel on this machine: limits.app.memory_mb.']]);
  await writeLimitsReport(layout.limitsReport, null);
  assert.deepEqual(await look(), [['warn', 'the orchestrator does not know of them']]);
});

test('without limits nothing is asked of the machine', () => {
  const { gaps, place, app } = openLimiters({ rules: undefined, key: 'x', env: {} });
  assert.deepEqual([gaps, place, app.gaps, app.known()], ['', '', [], []]);
  const layers = [(command: { file: string; args: readonly string[] }) => command];
  assert.equal(app.bounds('one').around(layers), layers);
});

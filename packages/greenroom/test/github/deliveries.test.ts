import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDeliveries } from '../../src/orchestrator/adapters/deliveries.ts';
import { temporaryFolder } from './rig.ts';

test('marks survive a restart and a torn end, and the oldest are forgotten', async (t) => {
  const file = join(temporaryFolder(t), 'run', 'deliveries');
  let memory = await openDeliveries(file, 3);
  for (const mark of ['a', 'b', 'c', 'd', 'd']) await memory.add([mark]);
  assert.deepEqual(['a', 'b', 'c', 'd'].map(memory.has), [false, true, true, true]);
  appendFileSync(file, 'tor');
  memory = await openDeliveries(file, 3);
  assert.deepEqual(['a', 'b', 'c', 'd'].map(memory.has), [false, false, true, true]);
  for (let index = 0; index < 50; index++) await memory.add([`x${index}`, `y${index}`]);
  assert.ok(readFileSync(file, 'utf8').split('\n').length <= 8, 'the file is bounded');
  memory = await openDeliveries(file, 3);
  assert.deepEqual(['y48', 'x49', 'y49'].map(memory.has), [true, true, true]);
});

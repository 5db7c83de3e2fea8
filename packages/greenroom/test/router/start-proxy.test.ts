import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { endLeftovers, processesOf } from '../../../../bench/harness/leftovers.ts';
import { takeLock } from '../../src/orchestrator/adapters/lock.ts';
import { PATIENCE_MS, startProxy } from '../../src/orchestrator/adapters/router/proxy-process.ts';
import { until } from '../e2e/rig.ts';

const LIMIT_MS = 20_000;

it('starts one proxy for many who want it at once, as after a kill', () =>
  withFolder(async (folder) => {
    const began = Date.now();
    await Promise.all(Array.from({ length: 12 }, () => startProxy(folder, Date.now() + LIMIT_MS)));
    // The others would be found on their way to the proxy's own lock. On a machine that takes so long, they are right to have started one too.
    if (Date.now() - began < PATIENCE_MS) assert.equal(processesOf(folder).length, 1);
    await until(
      () => processesOf(folder).length === 1,
      () => `there are ${processesOf(folder).length}`,
    );
  }));

it('starts one although another who should hangs', () =>
  withFolder(async (folder) => {
    const hung = takeLock(join(folder, 'start.lock'));
    try {
      await startProxy(folder, Date.now() + LIMIT_MS);
    } finally {
      hung?.release();
    }
  }));

/** A folder for a proxy, which is ended with all others of it afterwards. */
async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-start-proxy-'));
  try {
    await work(folder);
  } finally {
    await endLeftovers(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

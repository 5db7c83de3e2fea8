import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LoadOptions } from '../../../../bench/load/load.ts';
import { describeSwaps } from '../../../../bench/swap/report.ts';
import { runSwaps, type SwapOptions } from '../../../../bench/swap/run.ts';

/** Without streams, whose close alone takes seconds for each swap. */
const SHORT: LoadOptions['mix'] = { get: 3, 'get-new': 2, post: 2, 'post-new': 1 };

test('swaps under mixed load, streams and slow answers in flight: no request is lost', (t) => expectZeroLoss(t, { swaps: 4 }));

test('swaps with a warm standby: no request is lost', (t) => expectZeroLoss(t, { swaps: 10, standby: true, mix: SHORT }));

test('swaps with the orchestrator killed at random moments: no request is lost, the journal is whole', (t) =>
  expectZeroLoss(t, { swaps: 10, kill: true, mix: SHORT }));

async function expectZeroLoss(t: TestContext, options: SwapOptions): Promise<void> {
  const report = await runSwaps(options);
  t.diagnostic(describeSwaps(report));
  assert.deepEqual(report.problems, [], `seed ${report.seed}`);
  assert.deepEqual(report.load.failures, [], `seed ${report.seed}`);
  assert.ok(report.ok && report.journal_intact && report.load.stale === 0, `seed ${report.seed}: ${describeSwaps(report)}`);
  assert.ok(report.load.ok > 100);
}

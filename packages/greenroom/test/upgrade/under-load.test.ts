import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runUpgrades } from '../../../../bench/upgrade/run.ts';

test('orchestrator and proxy are upgraded in the middle of a turn and of its deploy, and nobody notices', {
  timeout: 120_000,
}, async (t) => {
  const report = await runUpgrades({
    orchestrator: [
      { moment: 'boot', by: 'agent', now: false },
      { moment: 'retire', by: 'agent', now: true },
    ],
    proxy: [{ upgrades: 1, workers: 1 }],
  });
  t.diagnostic(JSON.stringify(report.orchestrator));
  assert.deepEqual(report.problems, []);
  for (const { deploy, turn } of report.orchestrator) assert.deepEqual([deploy, turn], ['succeeded', 'completed']);
  for (const { what, load } of report.series) {
    assert.deepEqual([what, load.failures], [what, []]);
    for (const [kind, { ok }] of Object.entries(load.kinds)) assert.ok(ok > 0, `${what}: ${kind}`);
  }
  const { sse, ws } = report.series.at(-1)?.load.kinds ?? {};
  assert.deepEqual([sse?.reconnects, ws?.reconnects], [0, 0], 'the old proxy keeps its streams');
  assert.ok(report.chatEvents > 20);
});

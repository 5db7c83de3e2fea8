import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTally } from '../load/tally.ts';
import { renderUpgrades } from '../upgrade/report.ts';

it('upgrades are shown by what is upgraded, with what visitors lost, and the orchestrator’s one by one', () => {
  const tally = createTally(['get', 'sse']);
  tally.failed('get', 'ECONNRESET');
  tally.failed('sse', 'cut');
  const load = { ...tally.report(0), ok: 7, longest_gap_ms: 12 };
  const table = renderUpgrades({
    series: [{ what: 'the proxy, workers: 1', upgrades: 2, load, tookMs: [300, 100, 200] }],
    orchestrator: [{ moment: 'boot', by: 'agent', now: false, awayMs: 900, deploy: 'succeeded', turn: 'completed' }],
    chatEvents: 0,
    problems: [],
  });
  const rows = table.split('\n');
  assert.equal(rows[2], '| the proxy, workers: 1 | 2 | 7 | **2** | **1** | **12** ms | 200 ms (100 to 300) |');
  assert.equal(rows.at(-1), '| `boot` | agent | yes | 900 ms | succeeded | completed |');
});

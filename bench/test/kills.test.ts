import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderKills } from '../kills/report.ts';
import { type Kill, runKills } from '../kills/run.ts';

describe('kill -9 under load', () => {
  it('of the orchestrator loses nothing', async () => {
    const [kill] = await runKills({ routers: ['embedded'], victims: ['orchestrator'], rounds: 1 });
    assert.ok(kill);
    assert.deepEqual([kill.lost, kill.lostLater], [0, 0]);
    assert.ok(kill.answeredMs < kill.healthyMs, 'the app answers before its orchestrator is back');
    assert.ok(kill.requests > 0);
  });

  for (const router of ['embedded', 'caddy', 'nginx'] as const) {
    it(`of ${router === 'embedded' ? 'the embedded proxy' : router} is seen as lost requests, and over when the app answers again`, async () => {
      const [kill] = await runKills({ routers: [router], victims: ['proxy'], rounds: 1 });
      assert.ok(kill);
      assert.ok(kill.lost > 0, 'a proxy that is gone answers nobody');
      assert.equal(kill.lostLater, 0);
      assert.ok(kill.answeredMs > 0 && kill.healthyMs > 0);
    });
  }

  it('is shown by router and victim, with the range over the rounds', () => {
    const kill: Kill = { router: 'nginx', victim: 'all', round: 0, answeredMs: 10, healthyMs: 30, requests: 100, lost: 4, lostLater: 0 };
    const table = renderKills([kill, { ...kill, round: 1, answeredMs: 20, lost: 8 }, { ...kill, round: 2, answeredMs: 90 }]);
    assert.equal(table.split('\n').at(-1), '| nginx | all | 3 | **20 ms** (10 to 90) | **30 ms** | **4** (4 to 8) | **100** | **0** |');
  });
});

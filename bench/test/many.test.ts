import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { describeMany, type ManyReport } from '../many/report.ts';
import { runMany } from '../many/run.ts';

describe('many apps on one machine', () => {
  let report: ManyReport;

  before(async () => {
    report = await runMany({ apps: 3, swaps: 1, idleMs: 300, restMs: 0 });
  });

  it('leave each other untouched: swaps, a crash loop and a bad contract of one fail no request of another', () => {
    assert.deepEqual(report.problems, []);
    for (const phase of [report.alone, report.beside, report.broken]) {
      assert.equal(phase.swaps.length, 1);
      assert.equal(phase.load.failed, 0);
      assert.ok(phase.load.ok > 0);
    }
  });

  it('are measured one by one', () => {
    const { orchestrators, apps, proxy } = report.costs;
    assert.deepEqual([orchestrators.length, apps.length], [3, 3]);
    for (const { memory, cpuPercent } of [...orchestrators, ...apps, proxy]) {
      assert.ok(memory.PSS > 5 && memory.RSS >= memory.PSS, JSON.stringify(memory));
      assert.ok(cpuPercent >= 0, `${cpuPercent} %`);
    }
  });

  it('make the report say NOT ok when a request failed or a state was told wrong', () => {
    assert.match(describeMany(report), /^No request failed/m);
    const failed = describeMany({ ...report, ok: false, problems: ['2 requests failed'] });
    assert.match(failed, /^- PROBLEM: 2 requests failed\nNOT ok$/m);
  });
});

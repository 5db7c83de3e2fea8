import { percentile } from '../harness/stats.ts';
import type { LoadReport } from '../load/tally.ts';

export interface SwapReport {
  /** No request failed, no answer was stale, nothing unexpected happened. */
  ok: boolean;
  seed: number;
  deploys: number;
  rollbacks: number;
  /** How often the orchestrator was killed with -9; 0 without `kill`. */
  kills: number;
  /** From request to answer, of those that were answered; with kills, the wait for an older drain is part of it. Milliseconds. */
  deploy_ms: { p50: number; p99: number };
  rollback_ms: { p50: number; p99: number };
  load: LoadReport;
  /** Whether `greenroom log --verify` found the journal intact. */
  journal_intact: boolean;
  /** What should not have happened, in sentences. */
  problems: string[];
}

export function summary(values: readonly number[]): { p50: number; p99: number } {
  return { p50: Math.round(percentile(values, 0.5)), p99: Math.round(percentile(values, 0.99)) };
}

/** For people, one fact a line. */
export function describeSwaps(report: SwapReport): string {
  const { load } = report;
  const kinds = Object.entries(load.kinds).map(([kind, count]) => {
    const streams = count.reconnects > 0 ? `, ${count.reconnects} clean reconnects` : '';
    return `  ${kind.padEnd(9)} ${String(count.ok).padStart(8)} ok ${String(count.failed).padStart(4)} failed, longest gap ${count.longest_gap_ms} ms${streams}`;
  });
  return [
    `${report.deploys} deploys and ${report.rollbacks} rollbacks${report.kills > 0 ? `, the orchestrator killed ${report.kills} times (seed ${report.seed})` : ''}`,
    `requests: ${load.ok} right, ${load.failed} failed, ${load.stale} answered by a release that was no longer live`,
    ...kinds,
    `longest gap between two answers: ${load.longest_gap_ms} ms (the client itself was held up for ${load.client_stall_ms} ms at most)`,
    `deploy:   p50 ${report.deploy_ms.p50} ms, p99 ${report.deploy_ms.p99} ms`,
    `rollback: p50 ${report.rollback_ms.p50} ms, p99 ${report.rollback_ms.p99} ms`,
    `journal: ${report.journal_intact ? 'intact' : 'NOT intact'}`,
    ...load.failures.map((failure) => `FAILED after ${failure.at_ms} ms: ${failure.kind}: ${failure.error}`),
    ...report.problems.map((problem) => `PROBLEM: ${problem}`),
    report.ok ? 'ok' : 'NOT ok',
  ].join('\n');
}

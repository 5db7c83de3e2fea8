import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { writeDurably } from './durable.ts';
import { readForeignJson } from './foreign-json.ts';

const reportSchema = z.object({
  /** "cgroup v2 in /sys/fs/cgroup/…"; empty where there are no control groups. */
  place: z.string(),
  /** A sentence on what is not held; empty when all is. */
  gaps: z.string(),
});

export type LimitsReport = z.output<typeof reportSchema>;

/** Leaves it for `greenroom doctor`, which cannot look at the orchestrator's own place. Null where the contract has no limits. */
export async function writeLimitsReport(file: string, report: LimitsReport | null): Promise<void> {
  if (report) await writeDurably(file, `${JSON.stringify(report)}\n`, 0o644);
  else await rm(file, { force: true });
}

/** Null when there is none. */
export function readLimitsReport(file: string): Promise<LimitsReport | null> {
  return readForeignJson(file, reportSchema);
}

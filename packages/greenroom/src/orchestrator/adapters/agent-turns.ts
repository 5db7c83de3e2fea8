import { z } from 'zod';
import type { Histogram } from '../core/measures.ts';
import { readForeignJson } from './foreign-json.ts';

const OUTCOMES = ['completed', 'cancelled', 'interrupted', 'limited', 'failed'] as const;
const count = z.int().nonnegative();
const measured = z.object({ counts: z.array(count).max(101), sum: z.number().nonnegative() });

const turnsSchema = z
  .object({
    version: z.literal(1),
    bounds: z.array(z.number()).min(1).max(100),
    outcomes: z.partialRecord(z.enum(OUTCOMES), measured),
  })
  .refine(({ bounds }) => bounds.every((it, at) => at === 0 || it > (bounds[at - 1] ?? 0)), 'bounds ascend')
  .refine(
    ({ bounds, outcomes }) => Object.values(outcomes).every((it) => it.counts.length === bounds.length + 1),
    'a count for each bucket',
  );

/** Turns of the agent that ran, by how they ended. Empty when there is nothing, or nothing that can be understood. */
export async function readAgentTurns(file: string): Promise<{ outcome: string; histogram: Histogram }[]> {
  const known = await readForeignJson(file, turnsSchema);
  if (known === null) return [];
  return OUTCOMES.flatMap((outcome) => {
    const found = known.outcomes[outcome];
    return found ? [{ outcome, histogram: { bounds: known.bounds, ...found } }] : [];
  });
}

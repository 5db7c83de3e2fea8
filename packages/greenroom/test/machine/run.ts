/** Runs many stories. `GREENROOM_STORIES` asks for more of them, and then for other ones than by default. */
import fc from 'fast-check';
import { runStory } from './model.ts';
import { type Rule, Violation } from './rules.ts';
import type { Machine } from './world.ts';

const DEFAULT_STORIES = 400;
const DEFAULT_SEED = 5;

const asked = Number(process.env['GREENROOM_STORIES'] ?? 0);

export const STORIES: number = asked || DEFAULT_STORIES;
export const SEED: number = asked ? Number(process.env['GREENROOM_SEED'] ?? Date.now() % 1_000_000) : DEFAULT_SEED;

/** Without bias: extreme numbers would choose the same move over and over. */
export const numbersOfAStory = (most: number): fc.Arbitrary<number[]> =>
  fc.noBias(fc.array(fc.nat(999_999), { minLength: 60, maxLength: most, size: 'max' }));

/** The first rule that a machine breaks within so many stories; null when it breaks none. */
export function firstViolation(machine: Machine, stories: number): { rule: Rule; stories: number } | null {
  const story = fc.property(numbersOfAStory(400), (numbers) => {
    runStory(machine, numbers, () => undefined);
  });
  const result = fc.check(story, { numRuns: stories, seed: DEFAULT_SEED, endOnFailure: true });
  if (!result.failed) return null;
  const { errorInstance } = result;
  if (!(errorInstance instanceof Violation)) throw errorInstance;
  return { rule: errorInstance.rule, stories: result.numRuns };
}

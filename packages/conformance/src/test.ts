import type { World } from './harness/world.ts';

/** Parts of the specification that an implementation may leave out; an adapter declares those it has. */
export const FEATURES = ['smoke', 'dry_run', 'watch'] as const;
export type Feature = (typeof FEATURES)[number];

export interface Context {
  world: World;
  /**
   * Checks one requirement: it fails when `check` throws, and the test goes on. A requirement may be checked several times; it holds when
   * all hold. What a later check relies on belongs outside, where a failure ends the test and fails every requirement not yet decided.
   */
  must(requirement: string, check: () => void | Promise<void>): Promise<void>;
}

export interface ConformanceTest {
  name: string;
  /** Ids of the specification. */
  covers: readonly string[];
  feature?: Feature;
  /** Contract fields that differ from the usual ones; `undefined` leaves one out. */
  contract?: Record<string, unknown>;
  run(context: Context): Promise<void>;
}

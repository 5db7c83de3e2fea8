import type { ConformanceTest } from './test.ts';

export interface Coverage {
  /** Requirements of the specification that no test covers. */
  untested: string[];
  /** Ids that tests name and the specification does not have. */
  unknown: string[];
}

/** Compares what the specification asks with what the tests cover. */
export function coverageOf(requirements: ReadonlyMap<string, string>, tests: readonly ConformanceTest[]): Coverage {
  const covered = new Set(tests.flatMap((test) => test.covers));
  return {
    untested: [...requirements.keys()].filter((id) => !covered.has(id)),
    unknown: [...covered].filter((id) => !requirements.has(id)),
  };
}

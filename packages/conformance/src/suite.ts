import type { ConformanceTest } from './test.ts';
import { apiTests } from './tests/api.ts';
import { contractTests } from './tests/contract.ts';
import { crashTests } from './tests/crash.ts';
import { deployTests } from './tests/deploy.ts';
import { journalTests } from './tests/journal.ts';
import { optionalTests } from './tests/optional.ts';
import { portTests } from './tests/ports.ts';
import { recoverTests } from './tests/recover.ts';
import { retireTests } from './tests/retire.ts';
import { rollbackTests } from './tests/rollback.ts';
import { schemaTests } from './tests/schema.ts';
import { startTests } from './tests/start.ts';

/** All tests, in the order of the specification. */
export const allTests: readonly ConformanceTest[] = [
  ...startTests,
  ...portTests,
  ...contractTests,
  ...deployTests,
  ...rollbackTests,
  ...schemaTests,
  ...retireTests,
  ...crashTests,
  ...recoverTests,
  ...apiTests,
  ...journalTests,
  ...optionalTests,
];

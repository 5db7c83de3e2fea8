import type { TestEvent } from 'node:test/reporters';

/** What scripts/test.ts wants to know of a run. `ran` leaves out files without a test, which Node counts as one that passed. */
export interface Counts {
  ran: number;
  tests: number;
  passed: number;
  failed: number;
}

/** A reporter of `node --test` that writes only the final counts, as JSON. */
export default async function* countReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let ran = 0;
  for await (const event of source) {
    if ((event.type === 'test:pass' || event.type === 'test:fail') && !event.data.name.endsWith('.test.ts')) ran++;
    // One comes for each file, and one without a file for the whole run.
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const { tests, passed, skipped, todo } = event.data.counts;
    const counts: Counts = { ran, tests, passed, failed: tests - passed - skipped - todo };
    yield `${JSON.stringify(counts)}\n`;
  }
}

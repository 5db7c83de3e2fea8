import assert from 'node:assert/strict';
import test from 'node:test';
import { SPLICE, startCoverage } from './coverage.ts';

/** What reads bytes that somebody else chose. */
const PARSERS = ['answer.ts', 'bytes.ts', 'chunks.ts', 'fields.ts', 'refusals.ts', 'request-head.ts', 'response-head.ts'];

test('the lists of cases reach each state, each line and each branch of the parsers', async (t) => {
  const stop = await startCoverage(SPLICE);
  // Loaded only now, so that all that they run is counted.
  const { runCorpora } = await import('./corpora.ts');
  const { missed } = await import('./reached.ts');
  assert.deepEqual(missed(runCorpora()), []);
  const files = (await stop()).filter(({ file }) => PARSERS.includes(file));
  for (const { file, blocks } of files) t.diagnostic(`${file}: ${Math.round(blocks * 100)} % of the blocks`);
  assert.deepEqual(files.map(({ file }) => file).sort(), PARSERS);
  assert.deepEqual(
    files.flatMap(({ file, unreached }) => unreached.map((line) => `${file}:${line}`)),
    [],
  );
});

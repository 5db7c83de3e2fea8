/** `npm run fuzz:proxy -- [--cases N] [--seed N] [--coverage]`: the embedded proxy's data path beside node:http and nginx. */
import { parseArgs } from 'node:util';
import { UNEXPLAINED } from './compare.ts';
import { coverageReport, SPLICE, startCoverage } from './coverage.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '240000' },
    seed: { type: 'string' },
    /** Says, too, how often each state of the parsers was reached, and which code was not. */
    coverage: { type: 'boolean', default: false },
  },
});
const cases = Number(values.cases);
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed)) {
  console.error('fuzz: --cases and --seed must be whole numbers, such as --cases 1000 --seed 7.');
  process.exit(2);
}
console.log(`seed ${seed}`);
const stopCoverage = values.coverage ? await startCoverage(SPLICE) : null;
// Loaded only now, so that all that they run is counted.
const { report, runCampaign } = await import('./campaign.ts');
const { mergeReached, reachedReport } = await import('./reached.ts');
const began = performance.now();
const responses = Math.floor(cases / 3);
const tallies = await runCampaign({ seed, requests: cases - responses, responses, limitMs: 30 * 60_000 });
console.log(report('requests', tallies.requests));
console.log(report('answers', tallies.responses));
if (stopCoverage) {
  console.log(reachedReport(mergeReached(tallies.requests.reached, tallies.responses.reached)));
  console.log(coverageReport(await stopCoverage()));
}
console.log(`${Math.round((performance.now() - began) / 1_000)} s`);
const unexplained = [...tallies.requests.kinds.keys(), ...tallies.responses.kinds.keys()].filter((kind) => kind.includes(UNEXPLAINED));
process.exit(tallies.requests.wrong.length + tallies.responses.wrong.length + unexplained.length > 0 ? 1 : 0);

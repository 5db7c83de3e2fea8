import assert from 'node:assert/strict';
import test from 'node:test';
import { report, runCampaign } from './campaign.ts';
import { missed } from './reached.ts';
import { fuzzRequests } from './run-requests.ts';
import { fuzzResponse } from './run-responses.ts';
import { newTally } from './tally.ts';

/** `GREENROOM_FUZZ_SEED=7` runs the cases of an earlier run again. */
const SEED = Number(process.env['GREENROOM_FUZZ_SEED'] ?? Date.now() % 1_000_000_000);

test('what the app and the client see is framed as node:http and nginx would have it', async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const { requests, responses } = await runCampaign({ seed: SEED, requests: 12_000, responses: 12_000, limitMs: 20_000 });
  for (const line of [...report('requests', requests).split('\n'), ...report('answers', responses).split('\n')]) t.diagnostic(line);
  assert.ok(requests.cases > 0 && responses.cases > 0);
  assert.deepEqual([...requests.wrong, ...responses.wrong], []);
});

test('the generators reach each state of the parsers', async () => {
  const tally = newTally();
  for (let seed = 1; seed <= 2_000; seed += 1) {
    await fuzzRequests(seed, tally, { nginx: null, sockets: null });
    await fuzzResponse(seed, tally, null);
  }
  assert.deepEqual(tally.wrong, []);
  assert.deepEqual(missed(tally.reached), []);
});

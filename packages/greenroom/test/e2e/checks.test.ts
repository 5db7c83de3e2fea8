import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGitHub, TOKEN } from '../github/stand-in/server.ts';
import { openRig, until } from './rig.ts';

/** Far less than the time that GitHub is given to answer. */
const AT_ONCE_MS = 5_000;

test("status has the project's checks of the live commit, and waits for GitHub never", async (t) => {
  const gitHub = await startGitHub();
  t.after(() => gitHub.close());
  const rig = await openRig(t, { env: { GITHUB_API_URL: gitHub.url, GITHUB_REPOSITORY: 'acme/shop', GITHUB_TOKEN: TOKEN } });
  assert.deepEqual([(await rig.status()).checks, (await rig.status()).github_problem], [null, '']);
  const commit = rig.commit({ name: 'first' });
  gitHub.commits.add(commit);
  gitHub.checkRuns.set(commit, [
    { name: 'lint', status: 'completed', conclusion: 'failure' },
    { name: 'unit', status: 'completed', conclusion: 'success' },
  ]);
  await rig.live(commit);
  await until(
    async () => (await rig.status()).checks !== null,
    () => 'the checks',
  );
  const { checks } = await rig.status();
  assert.deepEqual([checks?.commit, checks?.state, checks?.total, checks?.failed], [commit, 'failure', 2, ['lint']]);
  assert.match((await rig.cli(['status'])).output, new RegExp(`checks +1 of 2 failed: lint, of ${commit.slice(0, 10)}`));
  assert.deepEqual(gitHub.violations, []);

  gitHub.fault = (operation) => (operation.startsWith('checks/') ? { hang: true } : { status: 401 });
  await rig.kill();
  await rig.start();
  const began = performance.now();
  const status = await rig.status();
  assert.equal(status.checks, null);
  assert.ok(performance.now() - began < AT_ONCE_MS);
  await rig.live(rig.commit({ name: 'second' }));
  await until(
    async () => /refuses the credentials/.test((await rig.status()).github_problem),
    () => 'what is wrong with GitHub',
  );
});

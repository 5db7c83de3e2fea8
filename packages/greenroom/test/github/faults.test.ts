import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptOf, sha, world } from './rig.ts';
import { APP_ID, INSTALLATION_ID, TOKEN } from './stand-in/server.ts';

const CREATE = 'repos/create-deployment';
const POST_STATUS = 'repos/create-deployment-status';
const states = (it: { statuses: { state: string }[] } | undefined): string[] => it?.statuses.map(({ state }) => state) ?? [];

for (const [name, fault] of [
  ['502', { status: 502, text: '<html>\nBad Gateway</html>' }],
  ['503', { status: 503 }],
  ['a cut connection', { cut: 'before' }],
  ['an answer that is lost after the work was done', { cut: 'after' }],
] as const) {
  for (const operation of [CREATE, POST_STATUS]) {
    test(`${name} at ${operation}: delivered later, exactly once`, async (t) => {
      const { gitHub, report, drain, pass, outbox } = await world(t);
      gitHub.commits.add(sha('a'));
      gitHub.fault = (at, count) => (at === operation && count <= 2 ? fault : undefined);
      await report(attemptOf({ id: 'one', commit: sha('a') }));
      for (let round = 0; round < 6 && outbox.pending().waiting > 0; round++) {
        await drain();
        pass(600_000);
      }
      assert.equal(outbox.pending().waiting, 0);
      assert.deepEqual(gitHub.deployments.map(states), [['in_progress', 'success']]);
    });
  }
}

test('GitHub down: deploys pile up in order, and are all reported when it is back, also by the next process', async (t) => {
  const it = await world(t);
  const { gitHub } = it;
  let down = true;
  gitHub.fault = () => (down ? { cut: 'before' } : undefined);
  for (const digit of ['a', 'b', 'c']) {
    gitHub.commits.add(sha(digit));
    await it.report(attemptOf({ id: digit, commit: sha(digit) }));
    await it.drain();
    it.pass(400_000);
  }
  assert.equal(it.outbox.pending().waiting, 9);
  assert.match(it.client.problem(), /^GitHub cannot be reached: /);
  assert.equal(it.logged.length, 1, it.logged.join('\n'));
  await it.restart();
  down = false;
  it.pass(400_000);
  await it.drain();
  assert.deepEqual(
    gitHub.deployments.map((each) => [each.sha, ...states(each)]),
    [
      [sha('a'), 'in_progress', 'success', 'inactive'],
      [sha('b'), 'in_progress', 'success', 'inactive'],
      [sha('c'), 'in_progress', 'success'],
    ],
  );
});

for (const [name, answer, atLeastMs] of [
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '120' } }, 120_000],
  [
    'secondary limit',
    { status: 403, headers: { 'retry-after': '90' }, body: { message: 'You have exceeded a secondary rate limit.' } },
    90_000,
  ],
  [
    'primary limit',
    {
      status: 403,
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'in 200 s' },
      body: { message: 'API rate limit exceeded' },
    },
    190_000,
  ],
  ['429 without a time', { status: 429 }, 60_000],
] as const) {
  test(`rate limit (${name}): GitHub is left in peace until it is over, by every job`, async (t) => {
    const { gitHub, report, drain, pass, outbox } = await world(t);
    gitHub.commits.add(sha('a')).add(sha('b'));
    let limited = true;
    const headers: Record<string, string> = { ...('headers' in answer ? answer.headers : {}) };
    if ('x-ratelimit-reset' in headers) headers['x-ratelimit-reset'] = String(Math.ceil(Date.now() / 1000) + 200);
    gitHub.fault = () => (limited ? { ...answer, headers } : undefined);
    await report(attemptOf({ id: 'one', commit: sha('a') }));
    await report(attemptOf({ id: 'two', commit: sha('b'), status: 'failed', promoted: false, code: 'gate_secret' }, 'gate'));
    const { retried } = await drain();
    assert.ok(retried >= 2);
    assert.equal(gitHub.seen.length, 1);
    pass(atLeastMs - 1_000);
    await drain();
    assert.equal(gitHub.seen.length, 1, 'asked too early');
    limited = false;
    pass(20_000);
    for (let round = 0; round < 4 && outbox.pending().waiting > 0; round++) {
      await drain();
      pass(60_000);
    }
    assert.equal(outbox.pending().waiting, 0);
    assert.equal(gitHub.deployments.length, 1);
  });
}

test('wrong credentials, a missing permission and an unknown repository are said once, in words, and wait for a person', async (t) => {
  const bad = await world(t, { settings: { credentials: { type: 'token', token: 'ghp_wrong' } } });
  bad.gitHub.commits.add(sha('a'));
  await bad.report(attemptOf({ id: 'one', commit: sha('a') }));
  await bad.drain();
  bad.pass(200_000);
  await bad.drain();
  assert.equal(bad.gitHub.seen.length, 2, 'the two keys, once each');
  assert.match(bad.client.problem(), /refuses the credentials \(Bad credentials.*\): renew the token/);
  assert.equal(bad.logged.length, 1);
  assert.doesNotMatch(JSON.stringify([bad.logged, bad.client.problem(), bad.outbox.pending()]), /ghp_wrong/);

  const forbidden = await world(t);
  forbidden.gitHub.fault = () => ({ status: 403, body: { message: 'Resource not accessible by personal access token' } });
  assert.equal((await forbidden.client.checks(sha('a'))).ok, false);
  assert.match(forbidden.client.problem(), /lack a permission: Resource not accessible/);

  const unknown = await world(t, { settings: { repository: { owner: 'acme', name: 'gone' } } });
  await unknown.report(attemptOf({ id: 'one', commit: sha('a') }));
  await unknown.drain();
  assert.match(unknown.client.problem(), /knows no such repository/);
  assert.equal(unknown.outbox.pending().waiting, 3);
});

test('a GitHub App finds its installation, uses its tokens again, and gets a new one when they end early', async (t) => {
  const credentials = { type: 'app' as const, appId: String(APP_ID), privateKey: '', installationId: undefined };
  const { gitHub, client } = await world(t, { settings: { credentials } });
  credentials.privateKey = gitHub.privateKey;
  gitHub.commits.add(sha('a'));
  for (let round = 0; round < 2; round++) assert.ok((await client.checks(sha('a'))).ok);
  assert.equal(gitHub.tokensIssued, 1);
  assert.deepEqual(
    gitHub.seen.slice(0, 2).map((it) => it.operation),
    ['apps/get-repo-installation', 'apps/create-installation-access-token'],
  );
  assert.match(gitHub.seen[2]?.authorization ?? '', /^token ghs_1$/);
  assert.deepEqual(await client.gitCredentials(), { username: 'x-access-token', token: 'ghs_1' });
});

test('a GitHub Enterprise Server is spoken to below its path, as an app too', async (t) => {
  const credentials = { type: 'app' as const, appId: String(APP_ID), privateKey: '', installationId: undefined };
  const { gitHub, report, drain } = await world(t, { apiPath: '/api/v3', settings: { credentials } });
  credentials.privateKey = gitHub.privateKey;
  gitHub.commits.add(sha('a'));
  await report(attemptOf({ id: 'one', commit: sha('a') }));
  await drain();
  assert.deepEqual(gitHub.deployments.map(states), [['in_progress', 'success']]);
  assert.deepEqual(
    gitHub.seen.filter((it) => !it.path.startsWith('/api/v3/')),
    [],
  );
});

test('an app token that is revoked is replaced within the same call', { timeout: 30_000 }, async (t) => {
  const credentials = { type: 'app' as const, appId: String(APP_ID), privateKey: '', installationId: INSTALLATION_ID };
  const { gitHub, client } = await world(t, { settings: { credentials }, client: { timeoutMs: 20_000 } });
  credentials.privateKey = gitHub.privateKey;
  gitHub.commits.add(sha('a'));
  assert.ok((await client.checks(sha('a'))).ok);
  gitHub.revokeTokens();
  const answer = await client.checks(sha('a'));
  assert.ok(answer.ok, JSON.stringify(answer));
  assert.equal(gitHub.tokensIssued, 2);
});

test('git gets the credentials of GitHub only for a remote that is there, and none when the app gets none', async (t) => {
  assert.deepEqual(await (await world(t)).client.gitCredentials(), { username: 'x-access-token', token: TOKEN });
  assert.equal(await (await world(t, { settings: { ownsRemote: false } })).client.gitCredentials(), undefined);
  const credentials = { type: 'app' as const, appId: String(APP_ID), privateKey: '', installationId: INSTALLATION_ID };
  const down = await world(t, { settings: { credentials } });
  credentials.privateKey = down.gitHub.privateKey;
  down.gitHub.fault = () => ({ cut: 'before' });
  assert.equal(await down.client.gitCredentials(), undefined);
});

test('a GitHub that never answers costs one deadline, and a stop costs nothing', async (t) => {
  const { gitHub, client } = await world(t, { client: { timeoutMs: 300 } });
  gitHub.fault = () => ({ hang: true });
  const answer = await client.checks(sha('a'));
  assert.ok(!answer.ok);
  assert.equal(answer.problem.kind, 'offline');
  assert.match(answer.problem.error, /no answer within 0\.3 s/);

  const patient = await world(t, { client: { timeoutMs: 60_000 } });
  patient.gitHub.fault = () => ({ hang: true });
  await patient.report(attemptOf({ id: 'one', commit: sha('a') }));
  const stop = new AbortController();
  const draining = patient.outbox.drain(stop.signal);
  while (patient.gitHub.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const stopped = performance.now();
  stop.abort();
  await draining;
  assert.ok(performance.now() - stopped < 2_000);
  assert.deepEqual([patient.outbox.pending().waiting, patient.outbox.pending().next], [3, 1], 'due again at once');
  assert.deepEqual(patient.logged, []);
});

test('202 and 409 instead of a deployment are tried again, and 422 is given up', async (t) => {
  const { gitHub, report, drain, pass, outbox, logged } = await world(t);
  gitHub.commits.add(sha('a'));
  gitHub.fault = (operation, count) => {
    if (operation !== CREATE) return undefined;
    if (count === 1) return { status: 202, body: { message: 'Auto-merged main into the commit.' } };
    return count === 2 ? { status: 409, body: { message: 'Conflict' } } : undefined;
  };
  await report(attemptOf({ id: 'one', commit: sha('a') }));
  for (let round = 0; round < 4; round++) {
    await drain();
    pass(600_000);
  }
  assert.deepEqual(gitHub.deployments.map(states), [['in_progress', 'success']]);

  gitHub.fault = (operation) => (operation === POST_STATUS ? { status: 422, body: { message: 'Validation Failed' } } : undefined);
  gitHub.commits.add(sha('b'));
  await report(attemptOf({ id: 'two', commit: sha('b') }));
  await drain();
  assert.equal(outbox.pending().waiting, 0);
  assert.equal(outbox.pending().dead, 2);
  assert.match(
    logged.at(-1) ?? '',
    /^Gave up on github\.deployment \(deployment:two:success\) after 1 attempts: GitHub answered 422: Validation Failed/,
  );
});

test('with pacing on, as in production, deliveries work and reads are repeated once', { timeout: 30_000 }, async (t) => {
  const { gitHub, client } = await world(t, { client: { paced: true, timeoutMs: 20_000 } });
  gitHub.commits.add(sha('a'));
  gitHub.fault = (operation, count) => (operation === 'checks/list-for-ref' && count === 1 ? { status: 502 } : undefined);
  assert.ok((await client.checks(sha('a'))).ok);
  assert.ok((await client.openPullRequest({ head: 'machine', base: 'main', title: 't', summary: 's' })).ok);
  gitHub.fault = (operation) => (operation === 'pulls/update' ? { status: 502 } : undefined);
  assert.equal((await client.openPullRequest({ head: 'machine', base: 'main', title: 't', summary: 'other' })).ok, false);
  assert.equal(gitHub.seen.filter((it) => it.operation === 'pulls/update').length, 1, 'a write is not repeated here');
});

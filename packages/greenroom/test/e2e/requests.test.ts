import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import type { z } from 'zod';
import { git } from '../../../../bench/harness/repo.ts';
import { type ApiOptions, createApi } from '../../src/orchestrator/api/app.ts';
import * as schemas from '../../src/orchestrator/api/schemas.ts';
import { type Answer, ask } from './ask.ts';
import { instanceProcesses, openRig, pidOf } from './rig.ts';

/** The answer's body, which has to be exactly what the schema describes: a field that it does not know is an error too. */
function parsed<T extends z.ZodRawShape>(schema: z.ZodObject<T>, { body }: Answer): z.output<z.ZodObject<T>> {
  return schema.parse(schema.strict().parse(JSON.parse(body)));
}

function assertRefusal(answer: Answer, status: number, code: string, error: RegExp): void {
  assert.equal(answer.status, status, answer.body);
  const refusal = parsed(schemas.refusal, answer);
  assert.equal(refusal.code, code);
  assert.match(refusal.error, error);
}

test('requests that make no sense are refused, change nothing, and answers are what their schemas say', async (t) => {
  const rig = await openRig(t);
  const first = rig.commit({ name: 'one' });
  git(rig.repo, 'tag', 'v1');
  git(rig.repo, 'tag', '-a', '-m', 'annotated', 'v1-annotated');
  git(rig.repo, 'update-ref', 'refs/heads/--upload-pack=touch-x', 'HEAD');
  git(rig.repo, 'update-ref', 'refs/heads/-x', 'HEAD');
  const second = rig.commit({ name: 'two' });
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> => rig.api('POST', '/deploy', body, headers);

  await t.test('before the first deploy', async () => {
    assertRefusal(await rig.api('POST', '/rollback'), 409, 'no_previous_release', /no previous release/);
    const status = parsed(schemas.status, await rig.api('GET', '/status'));
    assert.deepEqual(
      [status.live_slot, status.live_commit, status.previous_commit, status.last_deploy_time, status.healthy],
      ['', '', '', '', false],
    );
    const nothing = await rig.visit();
    assert.equal(nothing.status, 503);
    assert.match(String(nothing.headers['retry-after']), /^\d+$/);
  });

  await t.test('every way to name a commit', async () => {
    for (const [body, commit] of [
      [{ commit: first }, first],
      [{ commit: second.slice(0, 10).toUpperCase() }, second],
      [{ commit: 'v1' }, first],
      [{ branch: 'main' }, second],
      [{ commit: 'v1-annotated' }, first],
    ] as const) {
      const answer = await post(body);
      assert.equal(answer.status, 200, answer.body);
      assert.equal(parsed(schemas.deploySuccess, answer).commit, commit);
      assert.equal((await rig.visit()).headers['x-commit'], commit);
    }
  });

  const before = await rig.status();

  await t.test('unknown commits, branches and tags', async () => {
    for (const body of [
      { commit: '0'.repeat(40) },
      { commit: 'deadbeef' },
      { commit: 'no-such-tag' },
      { branch: 'no-such-branch' },
      { branch: 'v1' },
    ]) {
      assertRefusal(await post(body), 404, 'commit_not_found', new RegExp(Object.values(body)[0] ?? ''));
    }
  });

  await t.test('names that git would take for an option, a range or an expression', async () => {
    for (const name of [
      '--upload-pack=touch-x',
      '-x',
      '^main',
      'main..v1',
      'HEAD@{0}',
      'main~1',
      'refs/../heads/main',
      'a b',
      '\u0000',
      'main:server.cjs',
    ]) {
      for (const body of [{ commit: name }, { branch: name }]) {
        const answer = await post(body);
        assert.ok([400, 404].includes(answer.status), `${JSON.stringify(body)}: ${answer.status} ${answer.body}`);
        assert.equal(parsed(schemas.refusal, answer).success, false);
      }
    }
  });

  await t.test('bodies that say nothing, too much, or something else', async () => {
    assertRefusal(await post({}), 400, 'invalid_request', /exactly one of "commit" and "branch"/);
    assertRefusal(await post({ commit: first, branch: 'main' }), 400, 'invalid_request', /exactly one/);
    assertRefusal(await post({ commit: first, dryRun: true }), 400, 'invalid_request', /"dryRun"; did you mean "dry_run"/);
    assertRefusal(await post({ commit: first, 'Dry-Run': true }), 400, 'invalid_request', /did you mean "dry_run"/);
    assertRefusal(await post({ commit: first, dry_run: 'yes' }), 400, 'invalid_request', /"dry_run"/);
    assertRefusal(await post({ commit: 7 }), 400, 'invalid_request', /"commit"/);
    assertRefusal(await post({ commit: '' }), 400, 'invalid_request', /"commit"/);
    assertRefusal(await post({ commit: first, trigger: 'cron' }), 400, 'invalid_request', /"trigger"/);
    assertRefusal(await post('{"commit": '), 400, 'invalid_request', /not JSON/);
    for (const body of ['[]', '"main"', 'null', '7']) assertRefusal(await post(body), 400, 'invalid_request', /./);
    assertRefusal(await rig.api('POST', '/rollback', '{'), 400, 'invalid_request', /not JSON/);
    assertRefusal(await post({ commit: first, reason: 'x'.repeat(70_000) }), 413, 'too_large', /65536 bytes/);
    const chunked = { 'transfer-encoding': 'chunked' };
    assertRefusal(await post(`{"commit":"${first}","reason":"${'x'.repeat(70_000)}"}`, chunked), 413, 'too_large', /65536 bytes/);
  });

  await t.test('other hosts and pages of other sites', async () => {
    for (const host of ['evil.example', `evil.example:${rig.apiPort}`, '127.0.0.1.evil.example', 'localhost.evil.example']) {
      assertRefusal(await post({ commit: first }, { host }), 403, 'forbidden', /evil\.example/);
    }
    // The app itself is a page of this machine, on another port.
    for (const origin of [
      'https://evil.example',
      'null',
      'http://127.0.0.1.evil.example',
      `http://127.0.0.1:${rig.port}`,
      'http://localhost',
    ]) {
      assertRefusal(await post({ commit: first }, { origin }), 403, 'forbidden', /pages/);
    }
    assertRefusal(await rig.api('GET', '/status', undefined, { 'sec-fetch-site': 'cross-site' }), 403, 'forbidden', /other sites/);
    for (const host of ['localhost', `127.0.0.1:${rig.apiPort}`, '[::1]:9100']) {
      assert.equal((await rig.api('GET', '/status', undefined, { host })).status, 200);
    }
  });

  await t.test('unknown routes, methods, ids and limits', async () => {
    assertRefusal(await rig.api('GET', '/nothing'), 404, 'not_found', /GET \/nothing/);
    assertRefusal(await rig.api('DELETE', '/deploy'), 404, 'not_found', /openapi\.json/);
    assertRefusal(await rig.api('GET', '/deploys/none'), 404, 'not_found', /"none"/);
    assertRefusal(await rig.api('GET', '/deploys/..%2f..%2fetc'), 404, 'not_found', /./);
    assertRefusal(await rig.api('GET', '/deploys?limit=0'), 400, 'invalid_request', /limit/);
    assertRefusal(await rig.api('GET', '/deploys?limit=many'), 400, 'invalid_request', /limit/);
    assert.equal(JSON.parse((await rig.api('GET', '/deploys?limit=1')).body).length, 1);
  });

  await t.test('a dry run answers the plan and changes nothing', async () => {
    const records = readFileSync(join(rig.data, 'journal.jsonl'), 'utf8');
    const plan = parsed(schemas.dryRun, await post({ branch: 'main', dry_run: true }));
    assert.deepEqual([plan.kind, plan.commit, plan.slot], ['deploy', second, before.previous_slot]);
    assert.deepEqual(
      plan.steps.map((it) => it.step),
      ['resolve', 'gate', 'prepare', 'boot', 'probe', 'promote', 'retire', 'publish', 'watch'],
    );
    const back = parsed(schemas.dryRun, await rig.api('POST', '/rollback', { dry_run: true }));
    assert.deepEqual([back.kind, back.commit, back.slot], ['rollback', before.previous_commit, before.previous_slot]);
    assert.ok(back.steps.some((it) => it.step === 'promote'));
    assertRefusal(await post({ commit: 'nowhere', dry_run: true }), 404, 'commit_not_found', /nowhere/);
    assert.equal(readFileSync(join(rig.data, 'journal.jsonl'), 'utf8'), records);
  });

  await t.test('after all of that the same process serves the same release', async () => {
    const after = await rig.status();
    for (const field of ['live_slot', 'live_commit', 'previous_slot', 'previous_commit', 'last_deploy_time', 'healthy'] as const) {
      assert.equal(after[field], before[field], field);
    }
    assert.equal(pidOf(after), pidOf(before));
    assert.deepEqual([...instanceProcesses(rig.data).keys()], [before.slots.find((it) => it.role === 'live')?.instance]);
  });

  await t.test('Prefer: respond-async answers at once, and Location leads to the outcome', async () => {
    const answer = await post({ commit: first, reason: 'later' }, { prefer: 'wait=5, respond-async' });
    assert.equal(answer.status, 202);
    const { id } = parsed(schemas.accepted, answer);
    assert.equal(answer.headers['location'], `/deploys/${id}`);
    assert.equal(answer.headers['preference-applied'], 'respond-async');
    const seen = JSON.parse((await rig.api('GET', `/deploys/${id}`)).body) as AttemptView;
    assert.ok(['queued', 'running', 'succeeded'].includes(seen.status));
    for await (const event of rig.client.events({ lastEventId: 0, signal: AbortSignal.timeout(15_000) })) {
      if (event.attempts.some((it) => it.id === id && it.status === 'succeeded')) break;
    }
    const view = parsed(schemas.attemptView, await rig.api('GET', `/deploys/${id}`));
    assert.deepEqual([view.status, view.promoted, view.reason, view.caller, view.trigger], ['succeeded', true, 'later', 'tcp', 'manual']);
  });

  await t.test("who asks by the agent's socket is the agent, whatever it says", async () => {
    for (const [socket, trigger] of [
      ['agent.sock', 'agent'],
      ['operator.sock', 'webhook'],
    ] as const) {
      const path = join(rig.data, 'run', socket);
      const answer = await ask({
        socket: path,
        method: 'POST',
        path: '/deploy',
        body: { commit: second, trigger: 'webhook' },
        headers: { host: 'anything' },
      });
      const { id } = parsed(schemas.deploySuccess, answer);
      const view = await rig.client.attempt(id);
      assert.deepEqual([view?.trigger, view?.caller], [trigger, socket.replace('.sock', '-socket')]);
    }
  });

  await t.test('every answer is as described, and every route is', async () => {
    const status = parsed(schemas.status, await rig.api('GET', '/status'));
    assert.equal(status.live_commit, second);
    const attempts = JSON.parse((await rig.api('GET', '/deploys?limit=500')).body) as unknown[];
    assert.ok(attempts.length > 10);
    for (const attempt of attempts) schemas.attemptView.strict().parse(attempt);
    parsed(schemas.ready, await rig.api('GET', '/'));
    parsed(schemas.rollbackSuccess, await rig.api('POST', '/rollback'));
    const { openapi, paths } = JSON.parse((await rig.api('GET', '/openapi.json')).body);
    assert.match(openapi, /^3\.1/);
    const described = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((it) => `${it} ${path}`),
    );
    // What the API serves, from its own table; building it asks nothing of its parts.
    const { routes } = createApi({} as ApiOptions, 'operator-socket');
    const served = routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(':id', '{id}')}`);
    assert.ok(served.includes('post /rollback'));
    assert.deepEqual(described.sort(), [...new Set(served)].sort());
  });
});

test('the turn of the chat that asked is kept with the attempt, also across a restart', async (t) => {
  const rig = await openRig(t);
  const one = rig.commit({ name: 'one' });
  const origin = { conversation: 'c-1', turn: 'turn_2' };
  await rig.live(one);
  const two = await rig.client.deploy({ commit: rig.commit({ name: 'two' }), origin });
  const refused = await rig.client.deploy({ commit: '0'.repeat(40), origin: { ...origin, turn: '' } });
  const back = await rig.client.rollback({ origin });
  assert.deepEqual([two.success, refused.success, back.success], [true, false, true]);
  const expected = [origin, { ...origin, turn: '' }, origin, undefined];
  assert.deepEqual(
    (await rig.client.deploys()).map((it) => it.origin),
    expected,
  );
  parsed(schemas.attemptView, await rig.api('GET', `/deploys/${'id' in back ? back.id : ''}`));

  await rig.kill();
  await rig.start();
  assert.deepEqual(
    (await rig.client.deploys()).map((it) => it.origin),
    expected,
  );

  for (const bad of [
    {},
    { conversation: '', turn: '' },
    { ...origin, turn: 'a b' },
    { ...origin, turn: 'x'.repeat(65) },
    { conversation: '../x', turn: '' },
  ]) {
    assertRefusal(await rig.api('POST', '/rollback', { origin: bad }), 400, 'invalid_request', /origin/);
  }
});

test('the output of the live instance and of earlier ones can be read, without what acts on a terminal and without secrets', async (t) => {
  const rig = await openRig(t, { contract: { secrets_inject: ['SHOP_KEY'] }, env: { SHOP_KEY: 'correct horse battery' } });
  assertRefusal(await rig.api('GET', '/logs'), 404, 'not_found', /No instance is live/);
  await rig.live(rig.commit({ says: ['\u001b[31mred\u001b[0m', 'the key is correct \u001b[1mhorse battery', 'end'] }));
  const first = parsed(schemas.instanceLogs, await rig.api('GET', '/logs?lines=1'));
  assert.deepEqual([first.commit, first.slot, first.lines], [(await rig.status()).live_commit, 'a', ['end']]);
  await rig.live(rig.commit({ says: Array.from({ length: 1_200 }, (_, index) => `line ${index}`) }));
  const many = await rig.client.logs({ lines: 1_000 });
  assert.deepEqual([many.lines.length, many.lines[0], many.lines.at(-1)], [1_000, 'line 200', 'line 1199']);
  const agentSocket = join(rig.data, 'run', 'agent.sock');
  const earlier = parsed(schemas.instanceLogs, await ask({ socket: agentSocket, path: `/logs?instance=${first.instance}` }));
  assert.deepEqual(earlier.lines, ['red', 'the key is [hidden]', 'end']);
  assertRefusal(await rig.api('GET', '/logs?lines=1001'), 400, 'invalid_request', /lines/);
  assertRefusal(await rig.api('GET', '/logs?instance=..%2F..%2Fetc'), 404, 'not_found', /There is no instance/);
});

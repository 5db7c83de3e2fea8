import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha, temporaryFolder } from './rig.ts';
import { examples } from './stand-in/data.ts';
import { post, SECRET, webhookRig } from './webhook-rig.ts';

type Json = Record<string, unknown>;
const PUSH = { ...examples.push_branch, before: sha('1') };
const AFTER = '6113728f27ae82c7b1a177c8d03f9e96e0adf246';
const hmac = (body: string, secret = SECRET): string => createHmac('sha256', secret).update(body).digest('hex');

/** The recorded closed pull request, as GitHub sends it when it was merged. */
function mergedPull(changes: Json = {}): Json {
  const recorded = examples.pull_request_closed['pull_request'] as Json;
  return { ...examples.pull_request_closed, pull_request: { ...recorded, merged: true, merge_commit_sha: sha('b'), ...changes } };
}

test('a recorded push to the human branch is handed on once its answer is out', async (t) => {
  const order: string[] = [];
  const { deliver, restart } = await webhookRig(t, {
    onPush: (push) => void order.push(`${push.branch} ${push.after} ${push.delivery.length}`),
  });
  const answer = await deliver('push', PUSH);
  assert.deepEqual([answer.status, answer.body], [202, { ok: true }]);
  await restart();
  assert.deepEqual(order, [`master ${AFTER} 36`]);
});

test('a sender has its answer while the work is still going on', async (t) => {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const finished: string[] = [];
  const { deliver, restart } = await webhookRig(t, {
    onPush: async ({ after }) => {
      begun.resolve();
      await end.promise;
      finished.push(after);
    },
  });
  assert.equal((await deliver('push', PUSH)).status, 202);
  assert.equal((await deliver('push', { ...PUSH, after: sha('2') })).status, 202);
  await begun.promise;
  assert.equal((await deliver('push', PUSH)).body.duplicate, true, 'a copy of what is under way');
  assert.deepEqual(finished, []);
  end.resolve();
  await restart();
  assert.deepEqual(finished, [AFTER, sha('2')], 'one after the other, in their order');
});

test('a merged pull request is handed on with what was merged and what it became', async (t) => {
  const { deliver, restart, merges } = await webhookRig(t);
  assert.equal((await deliver('pull_request', mergedPull())).status, 202);
  await restart();
  const [{ delivery, ...merged } = { delivery: '' }] = merges;
  assert.deepEqual(merged, { headSha: 'ec26c3e57ca3a959ca5aad62de7213c562f8c821', mergeSha: sha('b'), head: 'changes', base: 'master' });
  assert.equal(delivery.length, 36);
});

test('everything else is answered and ignored, with the reason', async (t) => {
  const { deliver, restart, pushes, merges } = await webhookRig(t);
  const fork = { ref: 'master', sha: sha('a'), repo: { full_name: 'mallory/hello-world' } };
  for (const [event, payload, why] of [
    ['push', examples.push_tag, 'it is a tag'],
    ['push', examples.push_tag_deleted, 'it is a tag'],
    ['push', { ...PUSH, ref: 'refs/heads/machine' }, 'it is another branch'],
    ['push', { ...PUSH, ref: 'refs/heads/master/x' }, 'it is another branch'],
    ['push', { ...PUSH, after: '0'.repeat(40), deleted: true }, 'the branch was deleted'],
    ['push', { ...PUSH, repository: { full_name: 'Codertocat/Other' } }, 'it is about another repository'],
    ['pull_request', examples.pull_request_closed, 'the pull request was not merged'],
    ['pull_request', examples.pull_request_opened, 'the pull request was not merged'],
    ['pull_request', mergedPull({ head: fork }), 'the pull request came from a fork'],
    ['pull_request', mergedPull({ head: { ...fork, repo: null } }), 'the pull request came from a fork'],
    ['deployment_status', examples.deployment_status, 'the event "deployment_status" is not used'],
    ['constructor', {}, 'the event "constructor" is not used'],
  ] as const) {
    const answer = await deliver(event, payload);
    assert.deepEqual([answer.status, answer.body], [202, { ok: true, ignored: why }], `${event} ${why}`);
  }
  const ping = await deliver('ping', examples.ping);
  assert.equal(ping.status, 200);
  await restart();
  assert.deepEqual([pushes, merges], [[], []]);
});

test('a delivery that comes again is recognised: by its id, by its body, at the same time, and after a restart', async (t) => {
  const { deliver, restart, pushes } = await webhookRig(t);
  const id = { 'x-github-delivery': 'aaaaaaaa-0000-0000-0000-000000000001' };
  const both = await Promise.all([deliver('push', PUSH, id), deliver('push', PUSH, id)]);
  assert.deepEqual(both.map((it) => it.body.duplicate ?? false).sort(), [false, true]);
  assert.equal((await deliver('push', { ...PUSH, after: sha('2') }, id)).body.duplicate, true, 'the same id');
  await restart();
  assert.equal((await deliver('push', PUSH, id)).body.duplicate, true, 'after a restart');
  assert.equal((await deliver('push', PUSH)).body.duplicate, true, 'a replay under a new id');
  await restart();
  assert.equal(pushes.length, 1);
});

test('a delivery whose work failed may come again, and does not stop the next one', async (t) => {
  let failing = true;
  const seen: string[] = [];
  const { deliver, restart, logged } = await webhookRig(t, {
    onPush: ({ after }) => {
      if (failing) throw new Error('the journal is full');
      seen.push(after);
    },
  });
  const id = { 'x-github-delivery': 'aaaaaaaa-0000-0000-0000-000000000001' };
  await deliver('push', PUSH, id);
  await restart();
  assert.deepEqual(logged, ['A webhook push could not be dealt with: the journal is full']);
  failing = false;
  assert.deepEqual((await deliver('push', PUSH, id)).body, { ok: true });
  await restart();
  assert.deepEqual(seen, [AFTER]);
});

test('forged deliveries are refused', async (t) => {
  const { send, deliver, restart, pushes, logged } = await webhookRig(t);
  const body = JSON.stringify(PUSH);
  const headers = { 'content-type': 'application/json', 'x-github-event': 'push', 'x-github-delivery': 'f-1' };
  const good = `sha256=${hmac(body)}`;
  for (const [name, signature] of [
    ['none', {}],
    ['only the outdated SHA-1', { 'x-hub-signature': `sha1=${createHmac('sha1', SECRET).update(body).digest('hex')}` }],
    ['another secret', { 'x-hub-signature-256': `sha256=${hmac(body, 'guess')}` }],
    ['an empty secret', { 'x-hub-signature-256': `sha256=${hmac(body, '')}` }],
    ['another body', { 'x-hub-signature-256': `sha256=${hmac(`${body} `)}` }],
    ['cut', { 'x-hub-signature-256': good.slice(0, -1) }],
    ['empty', { 'x-hub-signature-256': '' }],
    ['a good one beside a bad one', { 'x-hub-signature-256': good, 'x-gitea-signature': hmac(body, 'guess') }],
    ['a bad one beside the token of GitLab', { 'x-hub-signature-256': 'sha256=00', 'x-gitlab-token': SECRET }],
    ['a wrong token of GitLab', { 'x-gitlab-token': `${SECRET}x`, 'x-gitlab-event': 'Push Hook' }],
  ] as const) {
    const answer = await send({ ...headers, ...(signature as Record<string, string>) }, body);
    assert.equal(answer.status, 401, name);
  }
  // A byte that JSON would not notice.
  const raw = Buffer.concat([Buffer.from(body), Buffer.from([0x20])]);
  assert.equal((await send({ ...headers, 'x-hub-signature-256': good }, raw)).status, 401);
  assert.equal((await deliver('push', PUSH, { 'x-github-delivery': 'f-1' })).body.ok, true, 'a forgery does not use up an id');
  await restart();
  assert.equal(pushes.length, 1);
  assert.doesNotMatch(logged.join('\n'), /secret to everybody/);
});

test('the signature is over the bytes, whatever they are', async (t) => {
  const { send, restart, pushes } = await webhookRig(t);
  const body = Buffer.from(JSON.stringify({ ...PUSH, note: 'ü' }), 'latin1');
  const signature = createHmac('sha256', SECRET).update(body).digest('hex');
  const headers = { 'content-type': 'application/json', 'x-github-event': 'push', 'x-github-delivery': 'b-1' };
  assert.equal((await send({ ...headers, 'x-hub-signature-256': `sha256=${signature.toUpperCase()}` }, body)).status, 202);
  await restart();
  assert.equal(pushes.length, 1);
});

test('form-encoded deliveries, Gitea, Forgejo and GitLab', async (t) => {
  const { send, restart, pushes, merges } = await webhookRig(t);
  const form = `payload=${encodeURIComponent(JSON.stringify(PUSH))}`;
  const formType = { 'content-type': 'application/x-www-form-urlencoded' };
  const github = { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hmac(form)}` };
  assert.deepEqual((await send({ ...formType, ...github, 'x-github-delivery': 'g-1' }, form)).body, { ok: true });

  const gitea = JSON.stringify({ ...PUSH, after: sha('2') });
  const type = { 'content-type': 'application/json' };
  assert.equal(
    (await send({ ...type, 'x-gitea-event': 'push', 'x-gitea-delivery': 'g-2', 'x-gitea-signature': hmac(gitea) }, gitea)).status,
    202,
  );
  const forgejo = JSON.stringify({ ...PUSH, after: sha('3') });
  const bare = {
    'x-forgejo-event': 'push',
    'x-forgejo-delivery': 'g-3',
    'x-forgejo-signature': hmac(forgejo),
    'x-hub-signature-256': hmac(forgejo),
  };
  assert.equal((await send({ ...type, ...bare }, forgejo)).status, 202);

  const token = { ...type, 'x-gitlab-token': SECRET };
  const project = { path_with_namespace: 'Codertocat/Hello-World' };
  const push = JSON.stringify({ object_kind: 'push', ref: 'refs/heads/master', before: sha('1'), after: sha('4'), project });
  assert.equal((await send({ ...token, 'x-gitlab-event': 'Push Hook', 'idempotency-key': 'g-4' }, push)).status, 202);
  const attributes = { action: 'merge', source_branch: 'machine', target_branch: 'master', source_project_id: 1, target_project_id: 1 };
  const merge = (more: Json): string =>
    JSON.stringify({ project, object_attributes: { ...attributes, last_commit: { id: sha('5') }, merge_commit_sha: sha('6'), ...more } });
  const mergeHook = { ...token, 'x-gitlab-event': 'Merge Request Hook' };
  assert.deepEqual((await send({ ...mergeHook, 'x-gitlab-event-uuid': 'g-5' }, merge({}))).body, { ok: true });
  assert.match((await send({ ...mergeHook, 'x-gitlab-event-uuid': 'g-6' }, merge({ source_project_id: 2 }))).body.ignored ?? '', /fork/);
  assert.match((await send({ ...mergeHook, 'x-gitlab-event-uuid': 'g-7' }, merge({ action: 'open' }))).body.ignored ?? '', /not merged/);
  await restart();
  assert.deepEqual(
    pushes.map((it) => it.after),
    [AFTER, sha('2'), sha('3'), sha('4')],
  );
  assert.deepEqual(merges, [{ headSha: sha('5'), mergeSha: sha('6'), head: 'machine', base: 'master', delivery: 'g-5' }]);
});

test('malformed deliveries get a sentence', async (t) => {
  const { send, deliver, port } = await webhookRig(t);
  const signed = (body: string, type = 'application/json'): Record<string, string> => ({
    ...{ 'content-type': type, 'x-github-event': 'push', 'x-github-delivery': 'm-1', 'x-hub-signature-256': `sha256=${hmac(body)}` },
  });
  for (const [body, type, status, error] of [
    ['{"ref":', 'application/json', 400, /^The body is not JSON: /],
    ['', 'application/json', 400, /^The body is not JSON: /],
    ['a=b', 'application/x-www-form-urlencoded', 400, /no field "payload"/],
    ['{}', 'text/plain', 415, /content type has to be/],
    ['null', 'application/json', 400, /names no repository/],
    ['{"repository":{"full_name":"codertocat/hello-world"}}', 'application/json', 400, /not that of a push event: "ref"/],
  ] as const) {
    const answer = await send(signed(body, type), body);
    assert.equal(answer.status, status, body);
    assert.match(answer.body.error ?? '', error);
  }
  assert.match((await deliver('push', { ...PUSH, after: '--upload-pack=x' })).body.error ?? '', /"after": /);
  assert.match((await deliver('push', PUSH, { 'x-github-delivery': '../../etc' })).body.error ?? '', /no usable id/);
  assert.match((await deliver('', PUSH)).body.error ?? '', /no X-GitHub-Event header/);
  assert.equal((await post(port, {}, '', '/')).status, 404);
  assert.equal((await post(port, {}, '', '/webhook/deploy')).status, 404);
  const get = await post(port, {}, '', '/webhook', 'GET');
  assert.deepEqual([get.status, get.headers['allow']], [405, 'POST']);
});

test('oversized deliveries are refused without being read, declared or not', async (t) => {
  const { port } = await webhookRig(t, { maxBodyBytes: 100_000 });
  const head = 'POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=00\r\n';
  // The declared body never comes: an answer shows that nobody waited for it.
  const declared = await raw(port, `${head}Content-Length: 100001\r\n\r\n`);
  assert.match(declared, /^HTTP\/1\.1 413 /);
  assert.match(declared, /larger than 100000 bytes/);
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
  assert.match(await raw(port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`), /^HTTP\/1\.1 413 /);
  assert.match(
    await raw(port, 'POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n'),
    /^HTTP\/1\.1 401 /,
    'unsigned: not read at all',
  );
});

test('a sender that dawdles is cut off, in its headers and in its body', { timeout: 10_000 }, async (t) => {
  const { port, deliver } = await webhookRig(t, { requestTimeoutMs: 300 });
  const slow = [
    raw(port, 'POST /webhook HTTP/1.1\r\nHost:'),
    raw(port, 'POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: x\r\nContent-Length: 9\r\n\r\n{'),
  ];
  assert.equal((await deliver('ping', examples.ping)).status, 200, 'others are served meanwhile');
  for (const text of await Promise.all(slow)) assert.match(text, /^HTTP\/1\.1 408 /);
});

test('a flood is refused and ends by itself', async (t) => {
  const clock = { now: 0 };
  const { deliver, restart, pushes } = await webhookRig(t, { burst: 3, perSecond: 1, now: () => clock.now });
  const statuses: number[] = [];
  for (const digit of ['1', '2', '3', '4', '5']) statuses.push((await deliver('push', { ...PUSH, after: sha(digit) })).status);
  assert.deepEqual(statuses, [202, 202, 202, 429, 429]);
  clock.now += 1_000;
  assert.equal((await deliver('push', { ...PUSH, after: sha('6') })).status, 202);
  assert.equal((await deliver('push', { ...PUSH, after: sha('7') })).status, 429);
  await restart();
  assert.equal(pushes.length, 4);
});

test('it listens on a Unix socket too, over a stale one', async (t) => {
  const socket = join(temporaryFolder(t), 'webhook.sock');
  writeFileSync(socket, 'stale');
  const { port, deliver } = await webhookRig(t, { listen: { socket } });
  assert.equal(port, 0);
  assert.equal(statSync(socket).mode & 0o777, 0o660);
  assert.equal((await deliver('ping', examples.ping)).status, 200);
});

test('it does not start on a port that is taken, nor without a secret', async (t) => {
  const first = await webhookRig(t);
  await assert.rejects(webhookRig(t, { listen: { port: first.port } }), /cannot listen on 127\.0\.0\.1:\d+: it is in use/);
  await assert.rejects(webhookRig(t, { secret: '' }), /needs a secret/);
});

/** Sends bytes, answers everything that comes back until the other side closes. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk;
  });
  const failures: Error[] = [];
  // Cut off while it still sends.
  socket.on('error', (error) => failures.push(error));
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { alert, FAST, receiver, rig, until } from './support.ts';

const webhook = (url: string): object => ({ alert_targets: [{ type: 'webhook', url }] });
const titles = (received: { body: Record<string, unknown> }[]): unknown[] => received.map((it) => it.body['title']);

test('an alert is sent once, again when it changes, and once when it is over; across restarts too', async (t) => {
  const service = await receiver(t);
  const it = await rig(t, { contract: webhook(service.url) });
  it.alerts.send(alert());
  it.alerts.send(alert());
  await service.until(1);
  await it.restart();
  it.alerts.send(alert({ detail: '92 % used' }));
  it.alerts.send(alert({ severity: 'critical', title: 'The disk is full' }));
  it.alerts.send(alert({ severity: 'info', title: 'There is space again', resolved: true }));
  it.alerts.send(alert({ severity: 'info', title: 'There is space again', resolved: true }));
  it.alerts.send(alert({ key: 'other', title: 'Another thing' }));
  await service.until(4);
  it.alerts.send(alert());
  const received = await service.until(5);
  assert.deepEqual(titles(received), [
    'The disk is nearly full',
    'The disk is full',
    'There is space again',
    'Another thing',
    'The disk is nearly full',
  ]);
  assert.equal(new Set(received.map((one) => one.body['id'])).size, 5);
});

test('what is over without having been alerted about is not sent', async (t) => {
  const service = await receiver(t);
  const { alerts } = await rig(t, { contract: webhook(service.url) });
  alerts.send(alert({ resolved: true }));
  alerts.send(alert({ key: 'b', title: 'real' }));
  assert.deepEqual(titles(await service.until(1)), ['real']);
});

test('a target that fails gets it later, in order, and the log says so once', async (t) => {
  const service = await receiver(t, (count) => (count <= 3 ? ([500, 'cut' as const, 503][count - 1] ?? 500) : 200));
  const it = await rig(t, { contract: webhook(service.url) });
  it.alerts.send(alert({ key: 'a', title: 'first' }));
  it.alerts.send(alert({ key: 'b', title: 'second' }));
  assert.deepEqual(titles(await service.until(5)), ['first', 'first', 'first', 'first', 'second']);
  await until(() => it.log.some((line) => line.includes('again.')));
  assert.equal(it.log.filter((line) => line.includes('could not be delivered')).length, 1);
  assert.match(
    it.log.join('\n'),
    /An alert could not be delivered to webhook \(127\.0\.0\.1:\d+\): answered 500\. It is kept and tried again\./,
  );
});

test('a target that is not there gets it when it comes', async (t) => {
  const gone = await receiver(t);
  await gone.close();
  const it = await rig(t, { contract: webhook(gone.url) });
  it.alerts.send(alert());
  await until(() => it.log.some((line) => line.includes('nothing listens there')));
  const back = await receiver(t, () => 200, gone.port);
  await back.until(1);
});

for (const [name, headers, body] of [
  ['in the header', { 'retry-after': '1' }, ''],
  ['as a date', { 'retry-after': new Date(Date.now() + 3_600_000 * 24).toUTCString() }, ''],
  ['in the body, as Discord does', {}, '{"message":"You are being rate limited.","retry_after":1.0,"global":false}'],
] as const) {
  test(`a busy target is left alone for as long as it asks: ${name}`, async (t) => {
    const service = await receiver(t, (count) => (count === 1 ? { status: 429, headers, body } : 200));
    const it = await rig(t, { contract: webhook(service.url) });
    it.alerts.send(alert());
    if (name === 'as a date') {
      await until(() => it.log.some((line) => line.includes('answered 429')));
      const waiting = await queued(it.folder);
      const wait = (waiting[0]?.not_before ?? 0) - Date.now();
      assert.ok(wait > 3_500_000 && wait <= 3_600_000, `an hour at most, not ${wait} ms`);
      return;
    }
    const [first, second] = await service.until(2);
    assert.ok(first && second && second.at - first.at >= 990, 'a second, not the 20 ms of the back-off');
  });
}

test('a redirect is not followed', async (t) => {
  const elsewhere = await receiver(t);
  const service = await receiver(t, (count) => (count === 1 ? { status: 307, headers: { location: elsewhere.url } } : 200));
  const it = await rig(t, { contract: webhook(service.url) });
  it.alerts.send(alert());
  await service.until(2);
  assert.equal(elsewhere.received.length, 0);
  assert.match(it.log.join('\n'), /answered 307, a redirect, which is not followed/);
});

test('a message that a target refuses is given up, and those behind it pass', async (t) => {
  const service = await receiver(t, (count) => (count === 1 ? { status: 400, body: 'invalid_payload' } : 200));
  const it = await rig(t, { contract: webhook(service.url) });
  it.alerts.send(alert({ key: 'a', title: 'refused' }));
  it.alerts.send(alert({ key: 'b', title: 'taken' }));
  assert.deepEqual(titles(await service.until(2)), ['refused', 'taken']);
  assert.match(it.log.join('\n'), /Gave up on alert .*answered 400: invalid_payload/);
});

test('a wrong address is tried seldom, and works once the operator has repaired it', async (t) => {
  const wrong = await receiver(t, () => ({ status: 404, body: 'no_service' }));
  const right = await receiver(t);
  const it = await rig(t, { contract: { alert_targets: [{ type: 'slack', url_env: 'SLACK_URL' }] } });
  const secrets = join(it.folder, 'secrets.env');
  it.alerts.send(alert());
  await until(() => it.log.some((line) => line.includes('SLACK_URL is not set')));
  await writeFile(secrets, `SLACK_URL=${wrong.url}/services/wrong\n`, { mode: 0o600 });
  await wrong.until(1);
  await writeFile(secrets, `SLACK_URL=${right.url}/services/right\n`);
  await right.until(1);
});

test('a slow target holds up neither the sender nor the other targets', async (t) => {
  const slow = await receiver(t, () => 'hang');
  const fine = await receiver(t);
  const { alerts, log } = await rig(t, {
    contract: { alert_webhook: slow.url, alert_targets: [{ type: 'webhook', url: fine.url }] },
    timing: { requestTimeoutMs: 300 },
  });
  const started = performance.now();
  for (let count = 0; count < 20; count++) alerts.send(alert({ key: `k${count}` }));
  assert.ok(performance.now() - started < 250, 'sending is only handing over: not even one limit of the slow target passes');
  await fine.until(20);
  await slow.until(2);
  assert.ok(slow.received.length < 5, 'one at a time, each until its limit');
  assert.match(log.join('\n'), /no answer within 0\.3 s/);
});

test('a burst is spread out', async (t) => {
  const service = await receiver(t);
  const { alerts } = await rig(t, { contract: webhook(service.url), timing: { burst: 3, refillMs: 400 } });
  for (let count = 0; count < 6; count++) alerts.send(alert({ key: `k${count}` }));
  const received = await service.until(6);
  const gaps = received.map((it) => it.at - (received[0]?.at ?? 0));
  assert.ok((gaps[2] ?? 0) < 400 && (gaps[5] ?? 0) >= 1_000, `three at once, then one in 400 ms: ${gaps.join(' ')}`);
});

test('closing does not wait for a target, and nothing is lost', async (t) => {
  const service = await receiver(t, (count) => (count === 1 ? 'hang' : 200));
  const it = await rig(t, { contract: webhook(service.url), timing: { requestTimeoutMs: 60_000 } });
  it.alerts.send(alert());
  await service.until(1);
  const started = performance.now();
  await it.restart();
  assert.ok(performance.now() - started < 2_000);
  const [first, second] = await service.until(2);
  assert.equal(first?.body['id'], second?.body['id'], 'the same id, so that a receiver can tell');
});

test('the queue of a target that is no longer configured is removed', async (t) => {
  const service = await receiver(t, () => 500);
  const it = await rig(t, { contract: webhook(service.url) });
  it.alerts.send(alert());
  await service.until(1);
  await it.restart({ contract: {} });
  assert.deepEqual(await readdir(join(it.folder, 'alerts')), ['open.json']);
  it.alerts.send(alert({ key: 'no target' }));
  await it.alerts.settled();
});

test('a damaged record of what is open is set aside', async (t) => {
  const service = await receiver(t);
  const it = await rig(t, { contract: webhook(service.url) });
  it.alerts.send(alert());
  await service.until(1);
  await it.alerts.settled();
  await writeFile(join(it.folder, 'alerts', 'open.json'), '{"next":');
  await it.restart();
  assert.match(it.log.join('\n'), /open\.json could not be read and was set aside/);
  it.alerts.send(alert());
  const [first, second] = await service.until(2);
  assert.notEqual(first?.body['id'], second?.body['id']);
});

test('an alert that cannot be queued is delivered at once', async (t) => {
  const service = await receiver(t);
  const it = await rig(t, { contract: webhook(service.url) });
  // As with a full disk, every write to the queue fails; root would write to a folder without permission.
  await rm(join(it.folder, 'alerts'), { recursive: true });
  it.alerts.send(alert());
  await service.until(1);
  await it.alerts.settled();
  assert.match(it.log.join('\n'), /could not be queued .* it was delivered at once instead/);
});

test('secrets of the app and of the targets are in no message, no log and no file', async (t) => {
  const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----';
  const secret = 'p4ss"w<o&rd/ä';
  const service = await receiver(t, (count) => (count === 1 ? { status: 500, body: 'token-of-the-hook leaked T0K3N-path-secret' } : 200));
  const it = await rig(t, {
    contract: {
      secrets_inject: ['DATABASE_URL', 'DB_PASSWORD', 'SIGNING_KEY'],
      alert_targets: [{ type: 'webhook', url_env: 'HOOK', token_env: 'HOOK_TOKEN' }],
    },
    env: {
      DATABASE_URL: 'postgres://app:hunter22@db/shop',
      DB_PASSWORD: secret,
      SIGNING_KEY: key,
      HOOK: `${service.url}/T0K3N-path-secret`,
      HOOK_TOKEN: 'token-of-the-hook',
    },
  });
  const detail = [
    'cannot connect to postgres://app:hunter22@db/shop',
    `password is ${secret} or ${encodeURIComponent(secret)} or ${JSON.stringify(secret)} or ${Buffer.from(secret).toString('base64')}`,
    `key: ${key}`,
    `called ${service.url}/T0K3N-path-secret with token-of-the-hook`,
    'another one: https://bob:builder12@example.com/x Authorization: Bearer abcdefghijklmnopqrstuvwxyz012345',
  ].join('\n');
  it.alerts.send(alert({ title: `Failed: ${secret}`, detail }));
  const [, second] = await service.until(2);
  assert.equal(second?.headers.authorization, 'Bearer token-of-the-hook');
  const files = await Promise.all((await everyFile(join(it.folder, 'alerts'))).map((file) => readFile(file, 'utf8')));
  const shown = [JSON.stringify(second?.body), it.log.join('\n'), ...files].join('\n');
  for (const part of [
    'hunter22',
    'p4ss',
    Buffer.from(secret).toString('base64'),
    'MIIEvQ',
    'T0K3N',
    'token-of',
    'builder12',
    'abcdefghij',
  ]) {
    assert.ok(!shown.includes(part), `${part} is shown: ${shown}`);
  }
  assert.match(String(second?.body['detail']), /cannot connect to \[hidden\]\npassword is \[hidden\] or/);
});

test('details are left out when the secrets in them cannot be known', async (t) => {
  const service = await receiver(t);
  const it = await rig(t, { contract: { ...webhook(service.url), secrets_inject: ['DB_PASSWORD'] } });
  await writeFile(join(it.folder, 'secrets.env'), 'DB_PASSWORD=hunter22\n', { mode: 0o644 });
  it.alerts.send(alert({ title: 'Something', detail: 'it said hunter22' }));
  const [received] = await service.until(1);
  assert.match(String(received?.body['detail']), /^Details are left out.*chmod 600/);
});

test('an alert is given up after its time', async (t) => {
  const service = await receiver(t, () => 500);
  const it = await rig(t, { contract: webhook(service.url), timing: { ...FAST, giveUpAfterMs: 100 } });
  it.alerts.send(alert());
  await until(() => it.log.some((line) => /Gave up on alert .*for too long/.test(line)));
});

async function queued(folder: string): Promise<{ not_before: number }[]> {
  const read = async (): Promise<{ not_before: number }[]> => {
    const files = (await everyFile(join(folder, 'alerts'))).filter((file) => /\/\d+\.json$/.test(file));
    return Promise.all(files.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as { not_before: number }));
  };
  await until(async () => (await read()).some((it) => it.not_before > 0));
  return read();
}

async function everyFile(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((it) => it.isFile()).map((it) => join(it.parentPath, it.name));
}

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { createMachine } from '../cli/support.ts';
import { LEAST, receiver } from './support.ts';

interface Report {
  ok: boolean;
  targets: { target: string; ok: boolean; ms: number; error: string }[];
}

test('greenroom alert test: each target gets one test alert, and what failed is said without its secret', async (t) => {
  const machine = await createMachine(t);
  const good = await receiver(t);
  const bad = await receiver(t, () => ({ status: 404, body: 'no_service for secret-path-of-it' }));
  const { secrets } = layoutOf(machine.app.data);
  const targets = [
    { type: 'webhook', url_env: 'BAD_HOOK' },
    { type: 'discord', url_env: 'NOT_SET' },
  ];
  await writeFile(machine.app.contract, JSON.stringify({ ...LEAST, alert_webhook: good.url, alert_targets: targets }));
  await writeFile(secrets, `BAD_HOOK=${bad.url}/secret-path-of-it\n`, { mode: 0o600 });

  const ran = await machine.greenroom(['alert', 'test']);
  assert.equal(ran.code, 1, ran.stderr);
  assert.match(ran.stdout, /✓ webhook \(127\.0\.0\.1:\d+\): delivered in \d+ ms/);
  assert.match(ran.stdout, /✗ webhook \(BAD_HOOK\): answered 404: no_service for \[hidden\]/);
  assert.match(ran.stdout, /✗ discord \(NOT_SET\): NOT_SET is not set: write it to secrets\.env/);
  assert.deepEqual([good.received[0]?.body['kind'], good.received[0]?.body['app']], ['test', 'shop']);
  assert.deepEqual([good.received.length, bad.received.length], [1, 1]);

  const report = JSON.parse((await machine.greenroom(['alert', 'test', '--json'])).stdout) as Report;
  assert.deepEqual([report.ok, report.targets.map((it) => it.ok)], [false, [true, false, false]]);

  await writeFile(machine.app.contract, JSON.stringify({ ...LEAST, alert_webhook: good.url }));
  assert.equal((await machine.greenroom(['alert', 'test'])).code, 0);
});

test('greenroom alert test without a target, or with an unreadable contract or secrets, says what to do', async (t) => {
  const machine = await createMachine(t);
  const none = await machine.greenroom(['alert', 'test']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /"shop" has no place to send alerts to\.\n +Set alert_webhook or alert_targets in /);

  await writeFile(machine.app.contract, JSON.stringify({ ...LEAST, alert_targets: [{ type: 'slack', url_env: 'HOOK' }] }));
  await writeFile(layoutOf(machine.app.data).secrets, 'HOOK=https://hooks.slack.com/services/T/B/x\n', { mode: 0o644 });
  const open = await machine.greenroom(['alert', 'test']);
  assert.equal(open.code, 1);
  assert.match(open.stdout, /✗ slack \(HOOK\): The secrets file .* chmod 600/);

  await writeFile(machine.app.contract, '{');
  const broken = await machine.greenroom(['alert', 'test', '--json']);
  assert.equal((JSON.parse(broken.stdout) as { code: string }).code, 'invalid_contract');
});

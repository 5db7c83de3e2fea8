import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { readBootId, readStat } from '../../src/proc.ts';
import { COMMIT, createFake, createMachine } from './support.ts';

const SINCE = '2026-01-01T00:00:00.000Z';
const DRIFT = [
  { name: 'human_ahead', detail: 'main is 2 commits ahead\u001b[2J', action: 'deploy', since: SINCE },
  { name: 'disk_pressure', detail: 'the disk is 95 % full', action: 'clean', since: SINCE },
];

test('freeze, thaw, override, reconcile and pr send what was said, and say what came of it', async (t) => {
  const machine = await createMachine(t);
  const answers: Record<string, object> = {
    'POST /freeze': { success: true, frozen: true },
    'POST /thaw': { success: true, frozen: false },
    'POST /override': { success: true, commit: COMMIT },
    'POST /reconcile': { success: true, dry_run: true, drift: DRIFT },
    'POST /pull-request': { success: true, change: 'opened', url: 'https://github.com/acme/shop/pull/7' },
  };
  const fake = await createFake(t, machine.app, (call) => (answers[call] ? { status: 200, body: answers[call] } : undefined));
  const cases: [args: string[], call: string, body: object, says: RegExp][] = [
    [
      ['freeze', '--reason', 'sale'],
      '/freeze',
      { scope: 'agent', reason: 'sale' },
      /^✓ The agent's deploys are stopped\..*greenroom thaw\n$/,
    ],
    [['freeze', '--all', '--reason', 'move'], '/freeze', { scope: 'all', reason: 'move' }, /^✓ All deploys are stopped\./],
    [['thaw'], '/thaw', {}, /^✓ Deploys go on\.\n$/],
    [['thaw', '--reason', 'over'], '/thaw', { reason: 'over' }, /^✓ Deploys go on/],
    [
      ['override', 'topic', '--code', 'gate_diff_lines', '--reason', 'generated'],
      '/override',
      { commit: 'topic', code: 'gate_diff_lines', reason: 'generated' },
      /^✓ 1a2b3c4d5e may pass gate_diff_lines until it has gone live\. Deploy it: greenroom deploy 1a2b3c4d5e\n$/,
    ],
    [
      ['override', 'abc', '--code', 'gate_secret', '--fingerprint', 'f00', '--reason', 'r'],
      '/override',
      { commit: 'abc', code: 'gate_secret', reason: 'r', fingerprint: 'f00' },
      /may pass gate_secret for f00 until/,
    ],
    [
      ['reconcile', '--dry-run'],
      '/reconcile',
      { dry_run: true },
      /^Found \(nothing was done about it\):\n {2}human_ahead {4}deploy {2}main is 2 commits ahead\n {2}disk_pressure {2}clean {3}the disk is 95 % full\n$/,
    ],
    [['reconcile'], '/reconcile', { dry_run: false }, /human_ahead/],
    [['pr'], '/pull-request', {}, /^✓ opened: https:\/\/github\.com\/acme\/shop\/pull\/7\n$/],
  ];
  for (const [args, call, body, says] of cases) {
    const ran = await machine.greenroom(args);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stdout, says);
    const asked = fake.requests.at(-1);
    assert.deepEqual([asked?.call, asked?.body], [`POST ${call}`, body]);
  }
  for (const [args, call] of cases) {
    const ran = await machine.greenroom([...args, '--json']);
    assert.deepEqual([ran.code, JSON.parse(ran.stdout)], [0, answers[`POST ${call}`]], args.join(' '));
  }
  answers['POST /reconcile'] = { success: true, dry_run: false, drift: [] };
  assert.equal((await machine.greenroom(['reconcile'])).stdout, 'Everything is as it should be.\n');
  answers['POST /pull-request'] = { success: true, change: 'nothing', url: '' };
  assert.match((await machine.greenroom(['pr'])).stdout, /nothing to merge/);
});

test('what is missing or not possible is said before anything is asked', async (t) => {
  const machine = await createMachine(t);
  const fake = await createFake(t, machine.app, () => ({ status: 200, body: { success: true } }));
  const cases: [string[], RegExp][] = [
    [['freeze'], /reason/],
    [['freeze', '--reason', '  '], /--reason: " {2}" cannot be used; say why/],
    [['override', 'abc', '--reason', 'r'], /code/],
    [['override', '--code', 'gate_secret', '--reason', 'r'], /COMMIT/],
    [['override', 'abc', '--code', 'health_timeout', '--reason', 'r'], /health_timeout.*gate_secret/],
    [['override', 'abc', '--code', 'gate_secret'], /reason/],
  ];
  for (const [args, message] of cases) {
    const ran = await machine.greenroom(args);
    assert.equal(ran.code, 2, `${args.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, message);
  }
  assert.deepEqual(fake.requests, []);
  const proposed = (await machine.greenroom(['__complete', 'override', 'abc', '--code', ''])).stdout;
  assert.match(proposed, /^gate_secret\t/m);
});

test('a refusal is exit code 1 with its reason, in JSON too', async (t) => {
  const machine = await createMachine(t);
  const refusals: Record<string, [number, object]> = {
    'POST /override': [404, { success: false, code: 'commit_not_found', error: 'There is no commit "abc".' }],
    'POST /pull-request': [502, { success: false, code: 'internal_error', error: 'GitHub is not configured.' }],
    'POST /freeze': [404, { success: false, code: 'not_found', error: 'There is no POST /freeze.' }],
  };
  await createFake(t, machine.app, (call) => {
    const [status, body] = refusals[call] ?? [];
    return status === undefined ? undefined : { status, body };
  });
  const args = ['override', 'abc', '--code', 'gate_secret', '--reason', 'r'];
  const refused = await machine.greenroom(args);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /✗ override failed: commit_not_found\n +There is no commit "abc"\./);
  const asJson = await machine.greenroom([...args, '--json']);
  assert.deepEqual([asJson.code, JSON.parse(asJson.stdout)], [1, refusals['POST /override']?.[1]]);
  const pr = await machine.greenroom(['pr']);
  assert.equal(pr.code, 1);
  assert.match(pr.stderr, /GitHub is not configured/);
  const old = await machine.greenroom(['freeze', '--reason', 'r']);
  assert.equal(old.code, 3);
  assert.match(old.stderr, /a version without `freeze`: restart it/);
  const oldJson = await machine.greenroom(['freeze', '--reason', 'r', '--json']);
  assert.equal((JSON.parse(oldJson.stdout) as { code: string }).code, 'unexpected_answer');
});

test('an orchestrator that is there by TCP only is told apart, and never asked', async (t) => {
  const machine = await createMachine(t);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(String(request.url));
    response.end('{"success":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const away = await machine.greenroom(['thaw']);
  assert.equal(away.code, 3);
  assert.match(away.stderr, /is not running/);
  const record = { pid: process.pid, start_ticks: readStat(process.pid)?.startTicks, boot_id: readBootId() };
  const { pidFile, operatorSocket } = layoutOf(machine.app.data);
  await writeFile(pidFile, JSON.stringify({ ...record, api_port: (server.address() as AddressInfo).port }));
  for (const args of [['freeze', '--reason', 'r'], ['thaw'], ['reconcile'], ['pr'], ['approve', 'x'], ['deny', 'x']]) {
    const ran = await machine.greenroom([...args, '--json']);
    assert.equal(ran.code, 3, ran.stderr);
    assert.equal((JSON.parse(ran.stdout) as { code: string }).code, 'operator_socket_missing');
    assert.ok(ran.stderr.includes(operatorSocket), ran.stderr);
    assert.match(ran.stderr, /operator socket only.*missing[\s\S]*greenroom stop --app shop --detach-app, then greenroom start/);
  }
  assert.deepEqual(asked, []);
});

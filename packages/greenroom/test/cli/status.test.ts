import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChecksView } from '@greenroom/sdk/wire';
import { waitingLines } from '../../src/cli/waiting.ts';
import { attempt, COMMIT, createFake, createMachine, PREVIOUS, status } from './support.ts';

const FAILED: ChecksView = {
  commit: PREVIOUS,
  state: 'failure',
  total: 4,
  failed: ['lint', 'unit \u001b[31mtests'],
  url: 'https://github.com/acme/shop/runs/1',
  read_at: '2026-01-01T00:00:00.000Z',
};

test('status shows a freeze, overrides, drift, checks and what is wrong with GitHub, and is silent without them', async (t) => {
  const machine = await createMachine(t);
  const since = '2026-01-01T00:00:00.000Z';
  let now = status();
  await createFake(t, machine.app, (call) => (call === 'GET /status' ? { status: 200, body: now } : undefined));
  const show = async (): Promise<string> => {
    const ran = await machine.greenroom(['status']);
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  };
  assert.doesNotMatch(await show(), /at work|frozen|override|drift|checks|github/);

  now = status({
    freeze: { scope: 'agent', reason: 'sale\u0007', caller: 'operator-socket', since },
    overrides: [
      { commit: COMMIT, code: 'gate_secret', fingerprint: 'f00d', reason: 'revoked', caller: 'operator-socket', since },
      { commit: COMMIT, code: 'gate_diff_lines', fingerprint: '', reason: 'generated', caller: 'operator-socket', since },
    ],
    drift: [{ name: 'disk_pressure', detail: 'the disk is 95 % full', action: 'clean', since }],
    checks: FAILED,
    github_problem: 'GitHub refuses the credentials.',
  });
  const shown = await show();
  assert.match(shown, /frozen +the agent's deploys, \d+ days ago: sale\n/);
  assert.match(shown, /override +1a2b3c4d5e may pass gate_secret for f00d, \d+ days ago: revoked\n/);
  assert.match(shown, /override +1a2b3c4d5e may pass gate_diff_lines, .*: generated\n/);
  assert.match(shown, /drift +disk_pressure {2}clean {2}the disk is 95 % full\n/);
  assert.match(
    shown,
    /checks +2 of 4 failed: lint, unit tests, of 9f8e7d6c5b, asked \d+ days ago {2}https:\/\/github\.com\/acme\/shop\/runs\/1\n/,
  );
  assert.match(shown, /github +GitHub refuses the credentials\.\n/);

  now = status({
    freeze: { scope: 'all', reason: 'move', caller: 'operator-socket', since },
    checks: { ...FAILED, state: 'pending' },
    agent: { busy: true },
  });
  const other = await show();
  assert.match(other, /agent +at work\n/);
  assert.match(other, /frozen +all deploys, .*: move\n/);
  assert.match(other, /checks +running, 4 in all, of 9f8e7d6c5b/);
  now = status({ checks: { ...FAILED, state: 'success', failed: [], url: '' } });
  assert.match(await show(), /checks +4 passed, of 9f8e7d6c5b, asked .* ago\n/);
});

test('of a deploy that waits it is said where it can be looked at, or that it cannot', () => {
  const approval = { state: 'waiting', since: '', until: 'noon', preview_path: '/chat/preview/x', by: '', reason: '' } as const;
  const told = (preview_path: string): string => waitingLines(attempt({ approval: { ...approval, preview_path } }), status()).at(-1) ?? '';
  assert.equal(told('/chat/preview/x'), 'look at it first: http://localhost:3999/chat/preview/x');
  assert.equal(told(''), 'it cannot be looked at first: that takes the embedded proxy');
});

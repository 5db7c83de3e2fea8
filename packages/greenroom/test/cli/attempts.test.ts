import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import { attempt, COMMIT, createFake, createMachine, type Fake, MAIN, PREVIOUS, step } from './support.ts';

const accepted = { status: 202, body: { success: true, id: 'd-1', status: 'accepted' } };
const prepare = step('prepare', { detail: '10 files changed, setup unchanged' });
const live = (): AttemptView =>
  attempt({
    status: 'succeeded',
    promoted: true,
    duration_ms: 1_240,
    steps: [step('resolve'), prepare, step('boot', { status: 'skipped', detail: 'the standby still runs' }), step('promote')],
  });
const failed = (): AttemptView =>
  attempt({
    status: 'failed',
    step: 'probe',
    code: 'health_timeout',
    error: 'GET /healthz did not answer 200 within 10 s',
    steps: [prepare, step('probe', { status: 'failed', code: 'health_timeout' }), step('promote', { status: 'skipped' })],
    evidence: {
      request: { method: 'GET', url: 'http://127.0.0.1:4001/healthz', expected: 'status 200', status: 500, body: 'no database' },
      log_tail: ['\u001b[2Jfaked screen', 'Error: \u009b31mno database\u202e'],
      log_file: '/logs/i-1.log',
      remedy: 'Check DATABASE_URL.',
    },
  });

/** Accepts a deploy, then plays the attempt. */
const playing = (views: AttemptView[]) => (call: string, fake: Fake) => {
  if (call !== 'POST /deploy' && call !== 'POST /rollback') return undefined;
  for (const view of views) fake.publish(view);
  return accepted;
};

test('a deploy in a pipe: one plain line a step, then commit, slot and time', async (t) => {
  const machine = await createMachine(t);
  const fake = await createFake(t, machine.app, playing([attempt({ steps: [step('resolve'), prepare] }), live()]));
  const ran = await machine.greenroom(['deploy', '--reason', 'why not']);
  assert.equal(ran.stderr, '');
  assert.deepEqual(ran.stdout.split('\n'), [
    '✓ resolve   84 ms',
    '✓ prepare   10 files changed, setup unchanged  84 ms',
    '– boot      the standby still runs',
    '✓ promote   84 ms',
    `✓ live      ${COMMIT.slice(0, 10)} in slot b after 1.24 s  (was ${PREVIOUS.slice(0, 10)})`,
    '',
  ]);
  assert.equal(ran.code, 0);
  assert.deepEqual(fake.requests[0], {
    call: 'POST /deploy',
    prefer: 'respond-async',
    body: { branch: 'trunk', reason: 'why not', trigger: 'manual' },
  });
});

test('a deploy in colour, when it is forced; without, when it is forbidden', async (t) => {
  const machine = await createMachine(t);
  await createFake(t, machine.app, playing([live()]));
  const colourful = await machine.greenroom(['deploy'], { env: { FORCE_COLOR: '1' } });
  assert.ok(colourful.stdout.includes('\u001b[32m✓\u001b[39m prepare'), JSON.stringify(colourful.stdout));
  const bare = await machine.greenroom(['deploy', COMMIT], { env: { NO_COLOR: '1' } });
  assert.ok(!bare.stdout.includes('\u001b'));
});

test('a failed deploy: step, code, reason and evidence on standard error, nothing of it able to act on the terminal', async (t) => {
  const machine = await createMachine(t);
  await createFake(t, machine.app, playing([failed()]));
  const ran = await machine.greenroom(['deploy']);
  assert.equal(ran.code, 1);
  assert.equal(ran.stdout, '✓ prepare   10 files changed, setup unchanged  84 ms\n✗ probe     health_timeout  84 ms\n');
  assert.deepEqual(ran.stderr.trimEnd().split('\n'), [
    '✗ deploy failed at probe: health_timeout',
    '  GET /healthz did not answer 200 within 10 s',
    '  request   GET http://127.0.0.1:4001/healthz',
    '  expected  status 200',
    '  got       500',
    '    | no database',
    '  last output',
    '    | faked screen',
    '    | Error: no database',
    '  full log  /logs/i-1.log',
    '  what to do: Check DATABASE_URL.',
    '  all of it: greenroom log d-1',
    `  The live release is untouched: ${PREVIOUS.slice(0, 10)}.`,
  ]);
});

test('JSON lines: a step each, the result last, as safe for a terminal as text', async (t) => {
  const machine = await createMachine(t);
  await createFake(t, machine.app, playing([failed()]));
  const ran = await machine.greenroom(['deploy', '--json']);
  assert.equal(ran.code, 1);
  assert.equal(ran.stderr, '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
  assert.doesNotMatch(ran.stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  const lines = ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map((line) => [line['type'], line['step'], line['success']]),
    [
      ['step', 'prepare', undefined],
      ['step', 'probe', undefined],
      ['result', 'probe', false],
    ],
  );
  assert.deepEqual(lines[2]?.['evidence'], failed().evidence);
});

test('a deploy goes on over a restart of the orchestrator, also when the last event was sent while nobody listened', async (t) => {
  const machine = await createMachine(t);
  const fake = await createFake(t, machine.app, playing([attempt({ steps: [prepare] })]));
  const running = machine.greenroom(['deploy']);
  // The attempt itself is read once it was accepted: from then on the command follows.
  while (!fake.requests.some(({ call }) => call === 'GET /deploys/d-1')) await new Promise((resolve) => setTimeout(resolve, 5));
  await fake.crash();
  fake.attempts.set('d-1', live());
  await fake.restart();
  const ran = await running;
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /prepare[\s\S]*went away[\s\S]*is back[\s\S]*promote[\s\S]*live/);
  assert.equal(ran.stdout.match(/prepare/g)?.length, 1);
});

test('refused before it became an attempt; a rollback with nothing to go back to', async (t) => {
  const machine = await createMachine(t);
  const refusal = { success: false, code: 'no_previous_release', error: 'There is no release before the live one.' };
  const fake = await createFake(t, machine.app, (call) => (call === 'POST /rollback' ? { status: 409, body: refusal } : undefined));
  const ran = await machine.greenroom(['rollback']);
  assert.deepEqual([ran.code, ran.stdout], [1, '']);
  assert.match(ran.stderr, /^✗ rollback failed: no_previous_release\n {2}There is no release before the live one\.\n$/);
  const asJson = await machine.greenroom(['rollback', '--json'], { env: { TRACEPARENT: 'of the build' } });
  assert.equal(fake.requests.findLast(({ call }) => call === 'POST /rollback')?.trace, 'of the build');
  assert.deepEqual(JSON.parse(asJson.stdout), { type: 'result', ...refusal });
});

test('a dry run prints the plan and changes nothing', async (t) => {
  const machine = await createMachine(t);
  const plan = { success: true, dry_run: true, kind: 'deploy', commit: COMMIT, slot: 'b', steps: [{ step: 'gate', detail: 'judge it' }] };
  const fake = await createFake(t, machine.app, () => ({ status: 200, body: plan }));
  const ran = await machine.greenroom(['deploy', COMMIT, '--dry-run']);
  assert.equal(ran.code, 0);
  assert.match(ran.stdout, /would run \(nothing was changed\):\n {2}gate {6}judge it\n/);
  assert.deepEqual(
    fake.requests.map(({ call, body }) => [call, body]),
    [['POST /deploy', { commit: COMMIT, dry_run: true, trigger: 'manual' }]],
  );
});

test('on a terminal the step at work moves, is cut to its width, and leaves no trace', async (t) => {
  const machine = await createMachine(t);
  const detail = 'x'.repeat(300);
  const working = attempt({ steps: [prepare, step('probe', { status: 'running', detail, started_at: new Date().toISOString() })] });
  const fake = await createFake(t, machine.app, playing([working]));
  const terminal = `stty cols 60; exec '${process.execPath}' '${MAIN}' deploy`;
  const running = machine.run('script', ['-qec', terminal, '/dev/null']);
  while (!fake.requests.some(({ call }) => call === 'GET /deploys/d-1')) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 250));
  fake.publish(live());
  const ran = await running;
  assert.equal(ran.code, 0);
  const frames = ran.stdout.split('\r\u001b[2K').filter((frame) => frame.includes('probe'));
  assert.ok(frames.length >= 3, `${frames.length} frames`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are not part of the width
  for (const frame of frames) assert.ok([...frame.replace(/\u001b\[\d+m/g, '')].length < 60, frame);
  assert.match(ran.stdout, /✓.*live/);
  assert.ok(!ran.stdout.slice(ran.stdout.lastIndexOf('✓')).includes('\u001b[2K'));
});

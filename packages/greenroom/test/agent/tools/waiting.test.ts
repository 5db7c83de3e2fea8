import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import type { AttemptView } from '@greenroom/sdk/wire';
import type { Call } from '../../../src/agent/tools/answer.ts';
import { createContext, type ToolsContext } from '../../../src/agent/tools/context.ts';
import { deployLog } from '../../../src/agent/tools/logs.ts';
import { rollback } from '../../../src/agent/tools/rollback.ts';
import { layoutOf } from '../../../src/orchestrator/layout.ts';
import { attempt, createFake, createMachine, type Fake, step } from '../../cli/support.ts';
import { connect, openToolsRig } from './rig.ts';

const quiet: Call = { signal: new AbortController().signal, progress: () => undefined };

test('the orchestrator is killed in the middle of a deploy: the tool says so, and goes on when it is back', async (t) => {
  const rig = await openToolsRig(t, { health_timeout_ms: 10_000 });
  const use = await connect(t, (await rig.tools('turn-1')).mcpServer({ http: true, sse: false }));
  const first = (await rig.status()).live_commit;
  // Long enough to be killed before it is probed with success.
  rig.work({ name: 'second', listensAfterMs: 8_000 });

  const killed = Promise.withResolvers<void>();
  const deploying = use('deploy', { reason: 'second version' }, (message) => {
    if (message === 'probe…') killed.resolve(rig.kill());
  });
  await killed.promise;
  const lost = await use('status');
  assert.deepEqual([lost.failed, /does not answer/.test(lost.text)], [true, true], lost.text);
  assert.equal((await rig.visit()).body, 'first\n');
  await rig.start();
  const { text } = await deploying;
  assert.match(text, /code: interrupted.*This one did not count\. Deploy again\. Tries left in this turn: 5 of 5/s);
  assert.match((await use('status')).text, new RegExp(`live: ${first.slice(0, 10)} .* healthy`));
});

test('an orchestrator that does not come back: the tool stops waiting', async (t) => {
  const { fake, context } = await pretend(t, { restartWaitMs: 100 });
  const answering = rollback.run(context, { reason: 'x' }, quiet);
  await asked(fake);
  await fake.crash();
  const { exit, text } = await answering;
  assert.equal(exit, 3);
  assert.match(text, /went away during rollback d-1 and has not come back.*deploy_log with this id/s);
  await fake.restart();
});

test('what is asked for while the orchestrator is replaced is asked when the next one is there, once', async (t) => {
  const { fake, context } = await pretend(t, {});
  await fake.crash();
  const answering = rollback.run(context, { reason: 'x' }, quiet);
  await fake.restart();
  await asked(fake);
  fake.publish({ ...running, status: 'succeeded', promoted: true });
  assert.match((await answering).text, /^Live: /);
  assert.equal(fake.requests.filter(({ call }) => call === 'POST /rollback').length, 1);
});

test('a deploy that waits for a person lets the turn end; its log waits as long, and tells what was decided', async (t) => {
  const { fake, context } = await pretend(t, { approvalWaitMs: 50 });
  fake.attempts.set('d-1', waiting);
  const said = await deployLog.run(context, { id: 'd-1' }, quiet);
  assert.equal(said.exit, 0);
  assert.match(said.text, /waits for a person's approval.*end your turn with a summary/s);

  const patient = deployLog.run({ ...context, approvalWaitMs: 60_000 }, { id: 'd-1' }, quiet);
  await asked(fake, 'GET /deploys/d-1', 4);
  fake.publish({ ...waiting, status: 'succeeded', promoted: true });
  assert.match((await patient).text, /d-1 {2}deploy of 1a2b3c4d5e by agent, succeeded/);
});

test('a person denies, then approves: the tool tells which, and that a denied deploy is not to be tried again', async (t) => {
  const rig = await openToolsRig(t, { agent: { approval: true } });
  const use = await connect(t, (await rig.tools('turn-1')).mcpServer({ http: true, sse: false }));
  const operator = createClient({ socket: rig.layout.operatorSocket });
  const decide = async (how: 'approve' | 'deny'): Promise<void> => {
    const id = (await rig.status()).attempt?.id ?? '';
    assert.ok((await operator[how]({ id, by: 'Ada', reason: 'not before the launch' })).success);
  };
  const deploy = (how: 'approve' | 'deny'): ReturnType<typeof use> =>
    use('deploy', { reason: 'second version' }, (message) => {
      if (message.startsWith('waits')) decided = decide(how);
    });
  let decided = Promise.resolve();

  const second = rig.work({ name: 'second' });
  const denied = await deploy('deny');
  await decided;
  assert.ok(denied.failed);
  assert.match(denied.text, /code: not_approved\nerror: .*Ada.*not before the launch/);
  assert.match(denied.text, /A person decided against it\. Do not deploy it again/);
  const approved = await deploy('approve');
  await decided;
  assert.match(approved.text, new RegExp(`^Live: commit ${second.slice(0, 10)}`));
});

test('a call that takes too long answers that it goes on; one that nobody waits for any more ends', async (t) => {
  const { fake, context } = await pretend(t, { waitMs: 50 });
  const slow = await rollback.run(context, { reason: 'x' }, quiet);
  assert.equal(slow.exit, 0);
  assert.match(slow.text, /rollback d-1 is still under way.*\n {2}probe running\nIt goes on by itself/s);

  const gone = new AbortController();
  const left = rollback.run({ ...context, waitMs: 60_000 }, { reason: 'x' }, { ...quiet, signal: gone.signal });
  await asked(fake, 'POST /rollback', 2);
  gone.abort();
  assert.match((await left).text, /still under way/);
});

const running = attempt({
  kind: 'rollback',
  trigger: 'agent',
  steps: [step('boot'), step('probe', { status: 'running', duration_ms: 0 })],
});
const waiting: AttemptView = attempt({
  trigger: 'agent',
  steps: [step('probe'), step('promote', { status: 'running', duration_ms: 0 })],
  approval: {
    state: 'waiting',
    since: '2026-01-01T00:00:00.000Z',
    until: '2026-01-01T01:00:00.000Z',
    preview_path: '',
    by: '',
    reason: '',
  },
});

/** The tools on an orchestrator that accepts everything as attempt d-1 and never finishes it by itself. */
async function pretend(t: TestContext, waits: Partial<ToolsContext>): Promise<{ fake: Fake; context: ToolsContext }> {
  const { app } = await createMachine(t);
  const fake = await createFake(t, app, (call, it) => {
    if (!call.startsWith('POST')) return undefined;
    it.attempts.set('d-1', running);
    return { status: 202, body: { success: true, id: 'd-1', status: 'accepted' } };
  });
  const layout = layoutOf(app.data);
  const place = {
    agentSocket: layout.operatorSocket,
    conversation: 'c',
    turn: 't',
    workspace: layout.workspace,
    branch: 'machine',
    repo: layout.repo,
    contract: layout.contractCopy,
    failedDeploysPerTurn: 5,
  };
  return { fake, context: { ...createContext(place, 60_000), ...waits } };
}

/** Waits until the orchestrator was asked that, so many times. */
async function asked(fake: Fake, call = 'POST /rollback', times = 1): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = setInterval(() => {
    if (fake.requests.filter((it) => it.call === call).length >= times) resolve();
  }, 5);
  await promise;
  clearInterval(look);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepName, Trigger } from '@greenroom/sdk/wire';
import type { Command } from '../../src/orchestrator/core/commands.ts';
import type { NewEvent } from '../../src/orchestrator/core/events.ts';
import { MAX_OVERTAKEN } from '../../src/orchestrator/core/machine/requests.ts';
import { RESTART_FIRST_DELAY_MS } from '../../src/orchestrator/core/machine/restart.ts';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { initialState, type Policy, type Request, type State } from '../../src/orchestrator/core/state.ts';
import { EXIT, failed } from './world.ts';

test('a deploy goes through its steps, goes live, and retires what was live', () => {
  const app = createApp();
  app.deploy('r1', 'c1');
  app.promote('r1');
  app.deploy('r2', 'c2');
  const { live: old } = app.state();
  app.promote('r2');
  const { live, previous } = app.state();
  assert.deepEqual([live?.commit, live?.slot, previous?.commit, previous?.slot], ['c2', 'b', 'c1', 'a']);
  assert.ok(app.told('drain').some((it) => it.instance === old?.instance));
  assert.equal(app.outcome('r2')?.ok, true);
});

test('a deploy that fails leaves the live release alone, and is answered once it is undone', () => {
  const app = createApp();
  app.live('c1');
  const { live } = app.state();
  app.deploy('r2', 'c2');
  app.upTo('probe');
  app.tell({ type: 'step_failed', attempt: 'r2', step: 'probe', ms: 1, failure: failed('health_timeout') });
  assert.equal(app.outcome('r2'), undefined);
  app.tell({ type: 'undone', attempt: 'r2', slot_ready: false });
  assert.deepEqual(app.state().live, live);
  assert.deepEqual(app.failure('r2'), { step: 'probe', code: 'health_timeout' });
});

test('a second deploy waits; a newer one of the same branch takes its place', () => {
  const app = createApp();
  app.deploy('r1', 'c1');
  app.deployBranch('r2', 'main');
  app.deployBranch('r3', 'machine');
  app.deployBranch('r4', 'main');
  assert.equal(app.failure('r2')?.code, 'superseded');
  assert.equal(app.failure('r3'), undefined);
  assert.deepEqual(app.queue(), ['r3', 'r4']);
});

test('people go before an agent, but no more than a few times', () => {
  const app = createApp();
  app.deploy('r0', 'c1');
  app.deploy('agent', 'c2', 'agent');
  const order: (string | undefined)[] = [];
  for (let number = 1; number <= MAX_OVERTAKEN + 1; number++) {
    app.deploy(`person${number}`, `c${number}`, 'manual');
    app.fail();
    order.push(app.state().attempt?.id);
  }
  assert.deepEqual(order, ['person1', 'person2', 'person3', 'agent']);
});

test('a rollback ends a deploy that has not promoted, and goes first', () => {
  const app = createApp();
  app.live('c1', 'c2');
  app.deploy('r3', 'c3');
  app.upTo('gate');
  app.deploy('r4', 'c4');
  app.rollback('back');
  assert.ok(app.told('abort_step').some((it) => it.attempt === 'r3'));
  app.tell({ type: 'undone', attempt: 'r3', slot_ready: true });
  assert.equal(app.failure('r3')?.code, 'aborted');
  assert.equal(app.state().attempt?.id, 'back');
  app.promote('back');
  assert.deepEqual([app.state().live?.commit, app.state().previous?.commit], ['c1', 'c2']);
  assert.equal(app.state().attempt?.id, 'r4');
});

test('a rollback asked for during a promotion undoes what was promoted, and takes the draining instance back', () => {
  const app = createApp();
  app.live('c1');
  const old = app.state().live?.instance;
  app.deploy('r2', 'c2');
  app.upTo('promote');
  app.rollback('back');
  assert.equal(app.state().attempt?.id, 'r2');
  app.tell({ type: 'step_succeeded', attempt: 'r2', step: 'promote', ms: 1, data: {} });
  assert.equal(app.outcome('r2')?.ok, true);
  assert.deepEqual(app.state().attempt?.steps, ['probe', 'promote']);
  assert.ok(app.told('cancel_drain').some((it) => it.instance === old));
  app.promote('back');
  assert.deepEqual([app.state().live?.commit, app.state().live?.instance], ['c1', old]);
});

test('a drained release stays warm, is rolled back to without a boot, and ends when its time is up', () => {
  const app = createApp({ standby_ms: 30_000, watch_ms: 0 });
  app.live('c1', 'c2');
  const warm = app.state().retiring[0]?.instance ?? '';
  app.tell({ type: 'drained', instance: warm, ms: 1, closed_streams: 0, abandoned_requests: 0 });
  assert.equal(app.state().standby?.instance, warm);
  app.rollback('back');
  assert.deepEqual(app.state().attempt?.steps, ['probe', 'promote']);
  app.promote('back');
  const kept = app.state().retiring[0]?.instance ?? '';
  app.tell({ type: 'drained', instance: kept, ms: 1, closed_streams: 0, abandoned_requests: 0 });
  app.tell({ type: 'standby_expired', instance: kept });
  assert.equal(app.state().standby, null);
  assert.ok(app.told('stop').some((it) => it.instance === kept));
});

test('a warm instance that does not hold is replaced by a fresh boot', () => {
  const app = createApp();
  app.live('c1', 'c2');
  app.rollback('back');
  const warm = app.state().attempt?.candidate;
  app.tell({ type: 'step_failed', attempt: 'back', step: 'probe', ms: 1, failure: failed('health_timeout') });
  assert.equal(app.state().attempt?.step, 'boot');
  assert.notEqual(app.state().attempt?.candidate, warm);
  app.promote('back');
  assert.equal(app.state().live?.commit, 'c1');
});

test('a release that does not hold its watch is rolled back by itself, and is no place to go back to', () => {
  const app = createApp();
  app.live('c1', 'c2');
  const { live } = app.state();
  app.exit(live?.instance);
  const { attempt } = app.state();
  assert.deepEqual([attempt?.kind, attempt?.caller, attempt?.resolved], ['rollback', 'orchestrator', 'c1']);
  app.promote(attempt?.id ?? '');
  assert.deepEqual(app.state().quarantine, ['c2']);
  assert.equal(app.state().previous?.faulty, true);
  app.rollback('back');
  assert.equal(app.failure('back')?.code, 'no_previous_release');
  app.deploy('again', 'c2');
  app.promote('again');
  assert.deepEqual(app.state().quarantine, []);
});

test('after its watch, a live release that ends is restarted, each time later', () => {
  const app = createApp();
  app.live('c1', 'c2');
  app.tell({ type: 'watch_elapsed', attempt: 'live-c2' });
  app.exit(app.state().live?.instance);
  const restart = app.state().restart?.instance ?? '';
  assert.equal(app.told('restart').at(-1)?.delay_ms, RESTART_FIRST_DELAY_MS);
  app.tell({ type: 'restart_failed', instance: restart, failure: failed('boot_exited') });
  assert.equal(app.told('restart').at(-1)?.delay_ms, 2 * RESTART_FIRST_DELAY_MS);
  const again = app.state().restart?.instance ?? '';
  app.tell({ type: 'restart_ready', instance: again });
  app.tell({ type: 'live_switched', instance: again });
  assert.equal(app.state().live?.instance, again);
});

test("an agent's deploy waits for a person, is probed once more when it is approved, and goes live", () => {
  const app = createApp(ASKING);
  app.live('c1');
  app.deploy('r2', 'c2', 'agent');
  app.upTo('promote');
  assert.equal(app.state().attempt?.phase, 'waiting');
  const [asked] = app.told('await_approval');
  assert.equal((asked?.until ?? 0) - (app.state().attempt?.approval?.since ?? 0), 60_000);
  assert.equal(app.state().live?.commit, 'c1');
  app.tell({ type: 'approved', attempt: 'r2', by: 'Ada', caller: 'operator-socket' });
  assert.equal(app.state().attempt?.step, 'probe');
  app.promote('r2');
  assert.equal(app.state().live?.commit, 'c2');
});

test('what a person or the loop deploys waits for nobody; what came over TCP may be the agent', () => {
  const app = createApp(ASKING);
  app.live('c1');
  app.tell({ type: 'deploy_requested', request: app.request('r2', { commit: 'c2', trigger: 'webhook', caller: 'orchestrator' }) });
  app.promote('r2');
  app.tell({ type: 'deploy_requested', request: app.request('r3', { commit: 'c3', trigger: 'manual', caller: 'tcp' }) });
  app.upTo('promote');
  assert.equal(app.state().attempt?.phase, 'waiting');
});

test('a denial, or nobody in time, ends it as not approved, and is no failure of the commit', () => {
  const app = createApp(ASKING);
  app.live('c1');
  for (const [id, end] of [
    ['r2', { type: 'denied', attempt: 'r2', by: 'Ada', reason: 'too red', caller: 'operator-socket' }],
    ['r3', { type: 'approval_expired', attempt: 'r3' }],
  ] as const) {
    app.deploy(id, 'c2', 'agent');
    app.upTo('promote');
    app.tell(end);
    app.tell({ type: 'undone', attempt: id, slot_ready: false });
    assert.deepEqual(app.failure(id), { step: 'promote', code: 'not_approved' });
  }
  assert.deepEqual([app.state().consecutive_failures, app.state().failed_commits, app.state().live?.commit], [0, [], 'c1']);
});

test('what waits for approval gives way to a deploy, a rollback and a freeze, and is not even asked for when somebody waits already', () => {
  const app = createApp(ASKING);
  app.live('c1', 'c2');
  const wait = (id: string): void => {
    app.deploy(id, id, 'agent');
    app.upTo('promote');
    assert.equal(app.state().attempt?.phase, 'waiting');
  };
  wait('r3');
  app.deploy('r4', 'c4');
  app.tell({ type: 'undone', attempt: 'r3', slot_ready: false });
  assert.deepEqual([app.failure('r3')?.code, app.state().attempt?.id], ['superseded', 'r4']);
  app.promote('r4');
  wait('r5');
  app.rollback('back');
  app.tell({ type: 'undone', attempt: 'r5', slot_ready: true });
  assert.deepEqual([app.failure('r5')?.code, app.state().attempt?.id], ['aborted', 'back']);
  app.promote('back');
  wait('r6');
  app.tell({ type: 'frozen', scope: 'agent', reason: 'a holiday', caller: 'operator-socket' });
  app.tell({ type: 'undone', attempt: 'r6', slot_ready: false });
  assert.equal(app.failure('r6')?.code, 'frozen');
  app.tell({ type: 'thawed', reason: '', caller: 'operator-socket' });
  const asked = app.told('await_approval').length;
  app.deploy('r7', 'c7', 'agent');
  app.upTo('probe');
  app.deploy('r8', 'c8');
  app.tell({ type: 'step_succeeded', attempt: 'r7', step: 'probe', ms: 1, data: {} });
  assert.deepEqual([app.state().attempt?.phase, app.told('await_approval').length], ['undoing', asked]);
});

test('after a crash a deploy still waits while its instance runs, and is undone when it does not', () => {
  for (const runs of [true, false]) {
    const app = createApp(ASKING);
    app.live('c1');
    app.deploy('r2', 'c2', 'agent');
    app.upTo('promote');
    const { live, attempt, policy } = app.state();
    const alive = [
      { instance: live?.instance ?? '', slot: 'a', commit: 'c1' } as const,
      ...(runs ? [{ instance: attempt?.candidate ?? '', slot: 'b', commit: 'c2' } as const] : []),
    ];
    app.tell({ type: 'started', policy, alive, route: live?.instance ?? '' });
    assert.equal(app.state().attempt?.phase, runs ? 'waiting' : 'undoing');
    assert.equal(app.told('await_approval').length, runs ? 2 : 1);
    if (runs) assert.deepEqual(app.told('await_approval')[0], app.told('await_approval')[1]);
  }
});

test('the same commit twice keeps the way back', () => {
  const app = createApp();
  app.live('c1', 'c2');
  app.deploy('again', 'c2');
  app.upTo('prepare');
  for (const { instance } of app.state().retiring) app.exit(instance);
  app.promote('again');
  assert.equal(app.state().previous?.commit, 'c1');
  app.rollback('back');
  assert.deepEqual(app.state().attempt?.steps[0], 'prepare');
  app.promote('back');
  assert.equal(app.state().live?.commit, 'c1');
});

test('after a crash, an instance that nobody knows is stopped and the live one keeps the route', () => {
  const app = createApp();
  app.live('c1');
  const instance = app.state().live?.instance ?? '';
  const alive = [
    { instance, slot: 'a', commit: 'c1' },
    { instance: 'stranger', slot: 'b', commit: 'c9' },
  ] as const;
  app.tell({ type: 'started', policy: app.state().policy, alive: [...alive], route: instance });
  assert.deepEqual(
    app.told('stop').map((it) => it.instance),
    ['stranger'],
  );
  assert.equal(app.state().live?.instance, instance);
});

const ASKING: Policy = { standby_ms: 30_000, watch_ms: 0, approval_timeout_ms: 60_000 };

/** An app under the machine's care, told events and asked what the machine made of them. */
function createApp(policy: Policy = { standby_ms: 30_000, watch_ms: 10_000 }) {
  let state: State = { ...initialState(), policy };
  let at = 1_000;
  const commands: Command[] = [];

  function tell(event: NewEvent): void {
    const result = transition(state, { ...event, at: ++at });
    assert.ok('state' in result, `ignored: ${JSON.stringify({ event, result })}`);
    state = result.state;
    commands.push(...result.commands);
  }

  const request = (id: string, rest: Partial<Request>): Request => {
    return { id, kind: 'deploy', commit: '', branch: '', reason: '', trigger: 'manual', caller: 'operator-socket', at, ...rest };
  };
  const told = <T extends Command['type']>(type: T): Extract<Command, { type: T }>[] =>
    commands.filter((it): it is Extract<Command, { type: T }> => it.type === type);
  const outcome = (id: string) => told('finish').find((it) => it.attempt === id)?.outcome;

  function deploy(id: string, commit: string, trigger: Trigger = 'manual'): void {
    tell({ type: 'deploy_requested', request: request(id, { commit, trigger }) });
  }

  /** Lets the running attempt come to a step. */
  function upTo(step: StepName): void {
    for (let { attempt } = state; attempt && attempt.step !== step; { attempt } = state) succeed();
  }

  function succeed(): void {
    const { attempt } = state;
    assert.ok(attempt);
    for (const instance of attempt.waiting_for) exit(instance);
    tell({ type: 'step_succeeded', attempt: attempt.id, step: attempt.step, ms: 1, data: {} });
  }

  function promote(id: string): void {
    while (state.attempt?.id === id) succeed();
    assert.equal(state.live?.attempt, id);
  }

  function fail(): void {
    const { attempt } = state;
    assert.ok(attempt);
    tell({ type: 'step_failed', attempt: attempt.id, step: attempt.step, ms: 1, failure: failed('commit_not_found') });
    tell({ type: 'undone', attempt: attempt.id, slot_ready: false });
  }

  function exit(instance: string | null | undefined): void {
    assert.ok(instance);
    tell({ type: 'instance_exited', instance, exit: EXIT, log_tail: [], log_file: '' });
  }

  return {
    tell,
    request,
    told,
    deploy,
    upTo,
    promote,
    fail,
    exit,
    outcome,
    state: () => state,
    queue: () => state.queue.map((it) => it.id),
    deployBranch: (id: string, branch: string) => tell({ type: 'deploy_requested', request: request(id, { branch }) }),
    rollback: (id: string) => tell({ type: 'rollback_requested', request: request(id, { kind: 'rollback' }) }),
    failure: (id: string) => {
      const decided = outcome(id);
      return decided && !decided.ok ? { step: decided.step, code: decided.failure.code } : undefined;
    },
    live: (...commits: string[]) => {
      for (const commit of commits) {
        deploy(`live-${commit}`, commit);
        promote(`live-${commit}`);
      }
    },
  };
}

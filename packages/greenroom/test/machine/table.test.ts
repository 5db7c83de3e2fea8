import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MACHINE_EVENT_TYPES, type MachineEventType, type NewEvent } from '../../src/orchestrator/core/events.ts';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { DEPLOY_STEPS } from '../../src/orchestrator/core/plan.ts';
import { initialState, type State } from '../../src/orchestrator/core/state.ts';
import { EXIT, failed } from './world.ts';

const AT = 1_000_000;
const POLICY = { standby_ms: 30_000, watch_ms: 10_000 };
const REQUEST = { commit: 'c3', branch: '', reason: '', trigger: 'manual', caller: 'tcp', at: AT } as const;

/** Live in slot a, the release before it warm in slot b, and an attempt at each step and phase that there is. */
const ROWS: Record<string, State> = {
  'nothing deployed yet': { ...initialState(), policy: POLICY },
  idle: settled(),
  ...Object.fromEntries(DEPLOY_STEPS.map((step) => [`running ${step}`, attempting(step)])),
  'waiting for its slot': waiting(),
  'waiting for approval': asking(),
  undoing: undoing(),
  restarting: { ...settled(), live: live(null), restart: { instance: 'restarted', count: 1, at: AT, why: 'it ended' } },
  watching: { ...settled(), watch: { attempt: 'r1', instance: 'old', until: AT + 1 } },
  'stopping, undoing': { ...undoing(), stopping: 'stop' },
  'at rest': { ...settled(), stopping: 'stop', at_rest: true },
};

/** The event of each type that the rows are about. */
const EVENTS: Record<MachineEventType, NewEvent> = {
  started: { type: 'started', policy: { ...POLICY, watch_ms: 1 }, alive: [], route: null },
  deploy_requested: { type: 'deploy_requested', request: { ...REQUEST, id: 'r9', kind: 'deploy' } },
  rollback_requested: { type: 'rollback_requested', request: { ...REQUEST, id: 'r9', kind: 'rollback', commit: '' } },
  restart_requested: { type: 'restart_requested', request: { ...REQUEST, id: 'r9', kind: 'restart', commit: '' } },
  step_succeeded: { type: 'step_succeeded', attempt: 'r3', step: 'probe', ms: 1, data: {} },
  step_failed: { type: 'step_failed', attempt: 'r3', step: 'probe', ms: 1, failure: failed('health_timeout') },
  approved: { type: 'approved', attempt: 'r3', by: 'Ada', caller: 'operator-socket' },
  denied: { type: 'denied', attempt: 'r3', by: 'Ada', reason: 'too red', caller: 'operator-socket' },
  approval_expired: { type: 'approval_expired', attempt: 'r3' },
  undone: { type: 'undone', attempt: 'r3', slot_ready: false },
  instance_exited: { type: 'instance_exited', instance: 'candidate', exit: EXIT, log_tail: [], log_file: '' },
  drained: { type: 'drained', instance: 'leaving', ms: 1, closed_streams: 0, abandoned_requests: 0 },
  standby_expired: { type: 'standby_expired', instance: 'warm' },
  restart_ready: { type: 'restart_ready', instance: 'restarted' },
  restart_failed: { type: 'restart_failed', instance: 'restarted', failure: failed('boot_exited') },
  live_switched: { type: 'live_switched', instance: 'restarted' },
  published: { type: 'published', attempt: 'r1', ms: 1, error: '' },
  watch_elapsed: { type: 'watch_elapsed', attempt: 'r1' },
  watch_failed: { type: 'watch_failed', attempt: 'r1', failure: failed('rolled_back') },
  frozen: { type: 'frozen', scope: 'all', reason: 'holiday', caller: 'operator-socket' },
  thawed: { type: 'thawed', reason: '', caller: 'operator-socket' },
  override_granted: {
    type: 'override_granted',
    commit: 'c3',
    code: 'gate_secret',
    fingerprint: '',
    reason: 'a sample',
    caller: 'operator-socket',
  },
  drift_changed: { type: 'drift_changed', drift: [{ name: 'disk_pressure', detail: '95 %', action: 'clean', at: 1 }] },
  stop_requested: { type: 'stop_requested', detach: false },
  stopped: { type: 'stopped', detach: false },
};

/** Rows in which an event of that type changes something. In every other row it is ignored, and the reason matches. */
const TABLE: Record<MachineEventType, { taken: string[] | 'always'; otherwise: RegExp }> = {
  started: { taken: 'always', otherwise: /never/ },
  deploy_requested: { taken: 'always', otherwise: /never/ },
  rollback_requested: { taken: 'always', otherwise: /never/ },
  restart_requested: { taken: 'always', otherwise: /never/ },
  step_succeeded: { taken: ['running probe'], otherwise: /is over|is being undone|is at step|waits for its slot|waits for approval/ },
  step_failed: { taken: ['running probe'], otherwise: /is over|is being undone|is at step|waits for its slot|waits for approval/ },
  approved: { taken: ['waiting for approval'], otherwise: /is over|does not wait for approval/ },
  denied: { taken: ['waiting for approval'], otherwise: /is over|does not wait for approval/ },
  approval_expired: { taken: ['waiting for approval'], otherwise: /is over|does not wait for approval/ },
  undone: { taken: ['undoing', 'stopping, undoing'], otherwise: /is over|is not being undone/ },
  instance_exited: {
    taken: ['running boot', 'running probe', 'running promote', 'waiting for approval'],
    otherwise: /is not known|is being undone/,
  },
  drained: { taken: ['waiting for its slot'], otherwise: /is not draining/ },
  standby_expired: {
    taken: ['idle', 'restarting', 'watching', 'at rest', 'running resolve', 'running gate'],
    otherwise: /is not the standby/,
  },
  restart_ready: { taken: ['restarting'], otherwise: /is not the restart under way/ },
  restart_failed: { taken: ['restarting'], otherwise: /is not the restart under way/ },
  live_switched: { taken: ['restarting'], otherwise: /is not the restart under way|nothing is live/ },
  published: { taken: ['idle', 'restarting', 'watching', 'at rest'], otherwise: /is not being published/ },
  watch_elapsed: { taken: ['watching'], otherwise: /is not being watched/ },
  watch_failed: { taken: ['watching'], otherwise: /is not being watched/ },
  frozen: { taken: 'always', otherwise: /never/ },
  thawed: { taken: [], otherwise: /nothing is frozen/ },
  override_granted: { taken: 'always', otherwise: /never/ },
  drift_changed: { taken: 'always', otherwise: /never/ },
  stop_requested: {
    taken: Object.keys(ROWS).filter((it) => it !== 'stopping, undoing' && it !== 'at rest'),
    otherwise: /already stopping/,
  },
  stopped: { taken: ['at rest'], otherwise: /nobody asked to stop/ },
};

test('the table has a column for every event there is', () => {
  assert.deepEqual(Object.keys(EVENTS).sort(), [...MACHINE_EVENT_TYPES].sort());
});

for (const type of MACHINE_EVENT_TYPES) {
  test(`${type}, in every state`, () => {
    const { taken, otherwise } = TABLE[type];
    for (const [row, state] of Object.entries(ROWS)) {
      const before = structuredClone(state);
      const result = transition(state, { ...EVENTS[type], at: AT });
      assert.deepEqual(state, before, `${row}: the machine changed the state it was given`);
      if ('ignored' in result) {
        assert.ok(taken !== 'always' && !taken.includes(row), `${row}: ignored, because ${result.ignored}`);
        assert.match(result.ignored, otherwise, row);
        continue;
      }
      assert.ok(taken === 'always' || taken.includes(row), `${row}: not ignored`);
      const changed = result.commands.length > 0 || JSON.stringify(result.state) !== JSON.stringify(before);
      assert.ok(changed, `${row}: neither ignored nor changed by it`);
    }
  });
}

function live(instance: string | null): NonNullable<State['live']> {
  return { commit: 'c2', slot: 'a', instance, attempt: 'r1', served_at: 0 };
}

function settled(): State {
  return {
    ...initialState(),
    policy: POLICY,
    live: live('old'),
    previous: { commit: 'c1', slot: 'b', faulty: false },
    standby: { instance: 'warm', slot: 'b', commit: 'c1', until: AT },
    slots: { a: { commit: 'c2', ready: true }, b: { commit: 'c1', ready: true } },
    publishing: ['r1'],
    boots: 5,
  };
}

function attempting(step: (typeof DEPLOY_STEPS)[number]): State {
  const position = DEPLOY_STEPS.indexOf(step);
  const touched = position >= DEPLOY_STEPS.indexOf('prepare');
  const state = settled();
  if (touched) Object.assign(state, { standby: null, slots: { ...state.slots, b: { commit: 'c3', ready: step !== 'prepare' } } });
  return {
    ...state,
    publishing: [],
    attempt: {
      ...REQUEST,
      id: 'r3',
      kind: 'deploy',
      steps: [...DEPLOY_STEPS],
      step,
      phase: 'running',
      resolved: position > 0 ? 'c3' : '',
      slot: 'b',
      candidate: position >= DEPLOY_STEPS.indexOf('boot') ? 'candidate' : null,
      reused: false,
      touched,
      waiting_for: [],
      candidate_exit: '',
      failure: null,
    },
  };
}

function waiting(): State {
  const state = attempting('prepare');
  const { attempt } = state;
  assert.ok(attempt);
  const leaving = { instance: 'leaving', slot: 'b', commit: 'c1', attempt: 'r1', phase: 'draining', keep: true, since: 0 } as const;
  return { ...state, retiring: [leaving], attempt: { ...attempt, touched: false, waiting_for: ['leaving'] } };
}

function asking(): State {
  const state = attempting('promote');
  const { attempt } = state;
  assert.ok(attempt);
  const approval = { since: AT, until: AT + 1_000, approved: false };
  return { ...state, attempt: { ...attempt, trigger: 'agent', phase: 'waiting', approval } };
}

function undoing(): State {
  const state = attempting('probe');
  const { attempt } = state;
  assert.ok(attempt);
  return { ...state, attempt: { ...attempt, phase: 'undoing', failure: { ...failed('health_timeout'), step: 'probe' } } };
}

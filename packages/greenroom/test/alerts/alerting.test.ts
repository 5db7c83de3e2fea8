import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import type { Alert } from '../../src/orchestrator/core/alert.ts';
import { type AlertCause, alertsFor, journalAlert } from '../../src/orchestrator/core/alerting.ts';
import type { MachineEvent } from '../../src/orchestrator/core/events.ts';
import { type History, project } from '../../src/orchestrator/core/history.ts';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { initialState, type Live, type State } from '../../src/orchestrator/core/state.ts';
import { watchForAlerts } from '../../src/orchestrator/runner/alerting.ts';
import type { Announcement } from '../../src/orchestrator/runner.ts';

const GOOD = '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d';
const BAD = '9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c';
const policy = { alert_after_failures: 3 };

const live = (changes: Partial<Live> = {}): Live => ({
  commit: GOOD,
  slot: 'a',
  instance: 'i-1',
  attempt: 'd-1',
  served_at: 0,
  ...changes,
});
const state = (changes: Partial<State> = {}): State => ({ ...initialState(), live: live(), ...changes });
const restart = (count: number): State['restart'] => ({ instance: `r-${count}`, count, at: 0, why: 'exited with code 1' });

function attempt(changes: Partial<AttemptView> = {}): AttemptView {
  return {
    id: 'd-2',
    kind: 'deploy',
    status: 'failed',
    promoted: false,
    commit: BAD,
    branch: 'machine',
    slot: 'b',
    previous_commit: GOOD,
    trigger: 'agent',
    caller: 'agent-socket',
    reason: 'new footer',
    requested_at: '',
    started_at: '',
    finished_at: '',
    duration_ms: 0,
    steps: [],
    step: 'boot',
    code: 'boot_exited',
    error: 'The app exited with code 1.',
    evidence: { log_tail: ['line 1', 'Error: no such table'], remedy: 'Look at the log.' },
    ...changes,
  };
}

const cause = (type: string, ...attempts: AttemptView[]): AlertCause => ({ type, subject: attempts[0]?.id ?? '', attempts });
const failures = (count: number): State => state({ consecutive_failures: count });
const timeout = { step: 'probe', code: 'health_timeout', error: 'No 200 within 5 s.' } as const;
const published = (status: 'failed' | 'succeeded'): AttemptView =>
  attempt({ status: 'succeeded', steps: [{ step: 'publish', status, started_at: '', duration_ms: 1, detail: 'disk full' }] });

const table: [name: string, event: AlertCause, before: State, after: State, expected: string[]][] = [
  ['a deploy that worked', cause('step_succeeded', attempt({ status: 'succeeded' })), state(), state(), []],
  ['one failure', cause('undone', attempt()), failures(0), failures(1), []],
  ['the third failure', cause('undone', attempt()), failures(2), failures(3), ['critical deploys_failing: 3 deploys in a row have failed']],
  ['the fourth failure', cause('undone', attempt()), failures(3), failures(4), []],
  ['the sixth failure', cause('undone', attempt()), failures(5), failures(6), ['critical deploys_failing: 6 deploys in a row have failed']],
  [
    'the twelfth failure',
    cause('undone', attempt()),
    failures(11),
    failures(12),
    ['critical deploys_failing: 12 deploys in a row have failed'],
  ],
  ['success after three failures', cause('step_succeeded'), failures(3), failures(0), ['resolved deploys_failing: Deploys succeed again']],
  ['success after two failures', cause('step_succeeded'), failures(2), failures(0), []],
  [
    'a health time-out',
    cause('undone', attempt(timeout)),
    state(),
    failures(1),
    ['warning health_timeout: 9f8e7d6c5b did not become healthy in time'],
  ],
  ['a health time-out that is not decided yet', cause('step_failed', attempt({ ...timeout, status: 'running' })), state(), state(), []],
  [
    'the live instance ends',
    cause('instance_exited'),
    state(),
    state({ live: live({ instance: null }), restart: restart(1) }),
    ['warning live_down: The live release 1a2b3c4d5e is not running'],
  ],
  [
    'it ends for the third time',
    cause('restart_failed'),
    state({ live: live({ instance: null }), restart: restart(2) }),
    state({ live: live({ instance: null }), restart: restart(3) }),
    ['critical live_down: The live release 1a2b3c4d5e keeps ending'],
  ],
  [
    'another event while it is down',
    cause('deploy_requested'),
    state({ live: live({ instance: null }), restart: restart(2) }),
    state({ live: live({ instance: null }), restart: restart(2) }),
    [],
  ],
  ['a start boots the live release', cause('started'), state(), state({ live: live({ instance: null }), restart: restart(0) }), []],
  [
    'it serves again',
    cause('live_switched'),
    state({ live: live({ instance: null }), restart: restart(3) }),
    state(),
    ['resolved live_down: The live release serves again'],
  ],
  ['a stop', cause('instance_exited'), state(), state({ live: live({ instance: null }), stopping: 'stop' }), []],
  [
    'an automatic rollback',
    cause(
      'step_succeeded',
      attempt({ id: 'auto-d-2', kind: 'rollback', status: 'succeeded' }),
      attempt({ status: 'rolled_back', error: 'Rolled back automatically: it exited.' }),
    ),
    state({ live: live({ commit: BAD, attempt: 'd-2' }) }),
    state({ live: live({ attempt: 'auto-d-2' }) }),
    ['critical rolled_back: Rolled back automatically from 9f8e7d6c5b to 1a2b3c4d5e'],
  ],
  ['a later event of a release that was rolled back', cause('drained', attempt({ status: 'rolled_back' })), state(), state(), []],
  [
    'an automatic rollback that fails',
    cause('undone', attempt({ id: 'auto-d-2', kind: 'rollback' })),
    state(),
    state(),
    ['critical rollback_failed: The automatic rollback failed'],
  ],
  [
    'an automatic rollback that a stop ends',
    cause('undone', attempt({ id: 'auto-d-2', kind: 'rollback', code: 'shutting_down' })),
    state(),
    state(),
    [],
  ],
  [
    'publishing fails',
    cause('published', published('failed')),
    state(),
    state(),
    ['warning publish_failed: A live release could not be published'],
  ],
  [
    'publishing works',
    cause('published', published('succeeded')),
    state(),
    state(),
    ['resolved publish_failed: Releases are published again'],
  ],
];

const summary = ({ kind, severity, title, resolved }: Alert): string => `${resolved ? 'resolved' : severity} ${kind}: ${title}`;

for (const [name, event, before, after, expected] of table) {
  test(name, () => assert.deepEqual(alertsFor(event, before, after, policy).map(summary), expected));
}

test('an alert says what, why, who and what to do, and ends with the last output', () => {
  const [told] = alertsFor(cause('undone', attempt()), failures(2), failures(3), policy);
  assert.equal(
    told?.detail,
    [
      'The last one, deploy d-2, failed at boot (boot_exited): The app exited with code 1.',
      'Asked for by agent, branch machine: new footer',
      '"greenroom log" shows all of them. The live release is untouched.',
      'Look at the log.',
      '',
      'Last output:',
      'line 1',
      'Error: no such table',
    ].join('\n'),
  );
});

test('a damaged journal is one alert, an intact one its end', () => {
  assert.equal(summary(journalAlert('line 7 was changed')), 'critical journal_damaged: The journal is damaged');
  assert.equal(summary(journalAlert('')), 'resolved journal_damaged: The journal is intact again');
});

test('a runner is watched: each event with the state before and after it, until told to stop', () => {
  let current = failures(2);
  const listeners = new Set<(it: Announcement) => void>();
  const runner = {
    state: () => current,
    subscribe(listener: (it: Announcement) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const said: string[] = [];
  const stop = watchForAlerts(runner, { send: (it) => said.push(summary(it)) }, policy);
  const announce = (): void => {
    for (const listener of listeners) listener({ seq: 1, time: '', type: 'undone', subject: '', attempts: [] });
  };
  current = failures(3);
  announce();
  announce();
  stop();
  current = failures(6);
  announce();
  assert.deepEqual(said, ['critical deploys_failing: 3 deploys in a row have failed']);
});

test('the machine itself: three deploys in a row that never become healthy', () => {
  const history: History = new Map();
  const said: string[] = [];
  let current = initialState();
  let clock = 0;
  const happen = (event: Omit<MachineEvent, 'at'>): void => {
    const dated = { ...event, at: ++clock } as MachineEvent;
    const result = transition(current, dated);
    assert.ok(!('ignored' in result), 'ignored' in result ? result.ignored : '');
    const touched = project(history, dated, current, result.state, result.commands);
    const attempts = [...touched].flatMap((id) => history.get(id) ?? []);
    said.push(...alertsFor({ type: event.type, subject: '', attempts }, current, result.state, policy).map(summary));
    current = result.state;
  };
  happen({ type: 'started', policy: { standby_ms: 0, watch_ms: 0 }, alive: [], route: null } as never);
  for (const id of ['d-1', 'd-2', 'd-3']) {
    const request = { id, kind: 'deploy', commit: BAD, branch: '', reason: '', trigger: 'agent', caller: 'tcp', at: clock };
    happen({ type: 'deploy_requested', request } as never);
    for (const step of ['resolve', 'gate', 'prepare', 'boot']) {
      happen({ type: 'step_succeeded', attempt: id, step, ms: 1, data: step === 'resolve' ? { commit: BAD } : {} } as never);
    }
    happen({ type: 'step_failed', attempt: id, step: 'probe', ms: 1, failure: { code: 'health_timeout', error: 'No 200.' } } as never);
    happen({ type: 'undone', attempt: id, slot_ready: false } as never);
  }
  const timedOut = 'warning health_timeout: 9f8e7d6c5b did not become healthy in time';
  assert.deepEqual(said, [timedOut, timedOut, timedOut, 'critical deploys_failing: 3 deploys in a row have failed']);
});

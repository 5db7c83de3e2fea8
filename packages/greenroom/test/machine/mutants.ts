/** Deliberate faults, one for each rule: machines that are wrong in one way. */
import type { Command } from '../../src/orchestrator/core/commands.ts';
import type { MachineEvent } from '../../src/orchestrator/core/events.ts';
import { type Transition, transition } from '../../src/orchestrator/core/machine.ts';
import type { State } from '../../src/orchestrator/core/state.ts';
import type { Rule } from './rules.ts';
import type { Machine } from './world.ts';

interface Done {
  before: State;
  event: MachineEvent;
  state: State;
  commands: Command[];
}

/** Changes what a transition came to. */
const after =
  (change: (done: Done) => Transition | undefined): Machine =>
  (before, event) => {
    const result = transition(before, event);
    if ('ignored' in result) return result;
    return change({ before, event, ...result }) ?? result;
  };

/** Changes the event or the state before the machine sees them. */
const beforehand =
  (change: (state: State, event: MachineEvent) => [State, MachineEvent] | undefined): Machine =>
  (before, event) =>
    transition(...(change(structuredClone(before), event) ?? [before, event]));

const without = ({ state, commands }: Done, drop: (command: Command) => boolean): Transition => ({
  state,
  commands: commands.filter((it) => !drop(it)),
});

export interface Mutant {
  name: string;
  /** Rules that may catch it, by whichever a story breaks first. */
  caughtBy: Rule[];
  machine: Machine;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'takes the answer of another step for the one it waits for',
    caughtBy: ['stale_events_change_nothing'],
    machine: beforehand((state, event) => {
      const { attempt } = state;
      if ((event.type !== 'step_succeeded' && event.type !== 'step_failed') || event.attempt !== attempt?.id) return undefined;
      return [state, { ...event, step: attempt.step }];
    }),
  },
  {
    name: 'takes the answer of a past attempt for one of the present',
    caughtBy: ['stale_events_change_nothing'],
    machine: beforehand((state, event) =>
      'attempt' in event && event.type.startsWith('step_') && state.attempt ? [state, { ...event, attempt: state.attempt.id }] : undefined,
    ),
  },
  {
    name: 'takes the end of an unknown instance for that of the live one',
    caughtBy: ['stale_events_change_nothing', 'no_instance_is_forgotten'],
    machine: beforehand((state, event) => {
      const known = JSON.stringify({ ...state, queue: [] });
      if (event.type !== 'instance_exited' || !state.live?.instance || known.includes(`"${event.instance}"`)) return undefined;
      return [state, { ...event, instance: state.live.instance }];
    }),
  },
  {
    name: 'promotes without a probe',
    caughtBy: ['what_serves_was_probed'],
    machine: after(({ state, commands }) => {
      for (const it of commands) if (it.type === 'run_step' && it.step === 'probe') it.step = 'promote';
      if (state.attempt?.step === 'probe' && state.attempt.phase === 'running') state.attempt.step = 'promote';
      return { state, commands };
    }),
  },
  {
    name: 'calls a release live when its boot begins',
    caughtBy: ['only_a_promotion_changes_what_is_live'],
    machine: after(({ state, commands }) => {
      const { attempt } = state;
      if (attempt?.step !== 'boot' || attempt.phase !== 'running' || !state.live) return undefined;
      state.live = { ...state.live, commit: attempt.resolved, slot: attempt.slot, attempt: attempt.id };
      return { state, commands };
    }),
  },
  {
    name: 'stops the live instance when a deploy fails',
    caughtBy: ['the_live_instance_is_not_stopped'],
    machine: after(({ before, event, state, commands }) => {
      if (event.type !== 'step_failed' || !state.live?.instance || before.attempt?.kind !== 'deploy') return undefined;
      return { state, commands: [...commands, { type: 'stop', instance: state.live.instance, since: event.at }] };
    }),
  },
  {
    name: 'stops the old instance without draining it',
    caughtBy: ['the_live_instance_is_drained_first'],
    machine: after(({ state, commands }) => {
      for (const it of state.retiring) it.phase = 'stopping';
      const turned = commands.map((it): Command => (it.type === 'drain' ? { type: 'stop', instance: it.instance, since: it.since } : it));
      return { state, commands: turned };
    }),
  },
  {
    name: 'forgets the candidate of a failed deploy',
    caughtBy: ['an_undo_ends_the_candidate', 'no_instance_is_forgotten'],
    machine: after(({ state, commands }) => {
      for (const it of commands) if (it.type === 'undo') it.candidate = null;
      return { state, commands };
    }),
  },
  {
    name: 'never stops what was drained',
    caughtBy: ['everything_ends'],
    machine: after((done) => (done.event.type === 'drained' ? without(done, (it) => it.type === 'stop') : undefined)),
  },
  {
    name: 'prepares a slot in which something still runs',
    caughtBy: ['a_slot_is_overwritten_only_when_nothing_runs_in_it'],
    machine: after(({ state, commands }) => {
      const { attempt } = state;
      if (!attempt || attempt.waiting_for.length === 0) return undefined;
      attempt.waiting_for = [];
      attempt.touched = true;
      const { id, step, kind, resolved: commit, branch, slot } = attempt;
      return { state, commands: [...commands, { type: 'run_step', attempt: id, step, kind, commit, branch, slot, instance: '' }] };
    }),
  },
  {
    name: 'waits for ever for its slot',
    caughtBy: ['everything_ends'],
    machine: after((done) => {
      const waited = done.before.attempt?.waiting_for ?? [];
      const { attempt } = done.state;
      if (waited.length === 0 || !attempt || attempt.waiting_for.length > 0 || attempt.phase !== 'running') return undefined;
      attempt.waiting_for = waited;
      return without(done, (it) => it.type === 'run_step');
    }),
  },
  {
    name: 'lets a newer deploy of a branch wait beside the older one',
    caughtBy: ['newer_supersedes_older'],
    machine: after(({ before, event, state, commands }) => {
      const superseded = (it: Command): boolean => it.type === 'finish' && !it.outcome.ok && it.outcome.failure.code === 'superseded';
      if (event.type !== 'deploy_requested' || !commands.some(superseded)) return undefined;
      const older = before.queue.filter((it) => !state.queue.some((kept) => kept.id === it.id));
      return { state: { ...state, queue: [...older, ...state.queue] }, commands: commands.filter((it) => !superseded(it)) };
    }),
  },
  {
    name: 'loses a request that has to wait',
    caughtBy: ['one_outcome_each'],
    machine: after(({ before, event, state, commands }) => {
      if (event.type !== 'deploy_requested' || !before.attempt) return undefined;
      return { state: { ...state, queue: state.queue.filter((it) => it.id !== event.request.id) }, commands };
    }),
  },
  {
    name: 'begins nothing after an attempt was undone',
    caughtBy: ['nothing_waits_for_nothing'],
    machine: after((done) => {
      const { attempt } = done.state;
      if (done.event.type !== 'undone' || !attempt || done.before.attempt?.id === attempt.id || attempt.kind !== 'deploy') return undefined;
      done.state.queue.push({ ...attempt, overtaken: 0 });
      done.state.attempt = null;
      return without(done, (it) => it.type === 'run_step');
    }),
  },
  {
    name: 'lets people overtake an agent without end',
    caughtBy: ['nobody_starves'],
    machine: beforehand((state, event) => [{ ...state, queue: state.queue.map((it) => ({ ...it, overtaken: 0 })) }, event]),
  },
  {
    name: 'lets an agent go before people',
    caughtBy: ['people_go_first', 'nobody_starves'],
    machine: beforehand((state, event) => [
      { ...state, queue: state.queue.map((it) => (it.trigger === 'agent' ? { ...it, overtaken: 9 } : it)) },
      event,
    ]),
  },
  {
    name: 'lets a rollback wait behind a deploy',
    caughtBy: ['a_rollback_never_waits_for_a_deploy'],
    machine: (before, event) => {
      const result = transition(before, event);
      if ('ignored' in result || event.type !== 'rollback_requested' || before.attempt?.phase !== 'running') return result;
      if (result.state.attempt?.phase !== 'undoing') return result;
      const commands = result.commands.filter((it) => it.type !== 'abort_step' && it.type !== 'undo');
      return { state: { ...result.state, attempt: before.attempt }, commands };
    },
  },
  {
    name: 'forgets to restart the live release',
    caughtBy: ['no_instance_is_forgotten', 'the_live_release_serves', 'everything_ends'],
    machine: after((done) => {
      if (done.event.type !== 'instance_exited') return undefined;
      done.state.restart = null;
      return without(done, (it) => it.type === 'restart');
    }),
  },
  {
    name: 'watches, and does not mind that the instance ended',
    caughtBy: ['a_failed_watch_rolls_back'],
    machine: beforehand((state, event) =>
      event.type === 'instance_exited' && state.watch?.instance === event.instance ? [{ ...state, watch: null }, event] : undefined,
    ),
  },
  {
    name: 'watches, and does not mind that the probe failed',
    caughtBy: ['a_failed_watch_rolls_back'],
    machine: beforehand((state, event) => (event.type === 'watch_failed' ? [state, { ...event, type: 'watch_elapsed' }] : undefined)),
  },
  {
    name: 'restarts the release before',
    caughtBy: ['a_restart_is_of_what_is_live'],
    machine: after(({ before, state, commands }) => {
      const { attempt, previous } = state;
      if (attempt?.kind !== 'restart' || attempt.id === before.attempt?.id || !previous) return undefined;
      attempt.resolved = previous.commit;
      return { state, commands };
    }),
  },
  {
    name: 'forgets the way back in a restart',
    caughtBy: ['a_restart_changes_nothing_else'],
    machine: after(({ before, state, commands }) => {
      const renewed = before.attempt?.kind === 'restart' && state.attempt === null && state.live?.instance === before.attempt.candidate;
      return renewed && state.previous ? { state: { ...state, previous: null }, commands } : undefined;
    }),
  },
  {
    name: 'keeps an instance with old secrets warm',
    caughtBy: ['a_restart_leaves_nothing_warm'],
    machine: after(({ before, state, commands }) => {
      const renewed = before.attempt?.kind === 'restart' && state.live?.instance === before.attempt.candidate;
      if (!renewed || state.retiring.length === 0) return undefined;
      return { state: { ...state, retiring: state.retiring.map((it) => ({ ...it, keep: true })) }, commands };
    }),
  },
  {
    name: 'rolls back to what is live',
    caughtBy: ['rollback_goes_to_previous'],
    machine: after(({ state, commands }) => {
      const { attempt, live } = state;
      if (attempt?.kind !== 'rollback' || attempt.reused || attempt.step !== 'boot' || !live) return undefined;
      attempt.resolved = live.commit;
      return { state, commands };
    }),
  },
  {
    name: 'rolls back to a release that was itself rolled back from',
    caughtBy: ['no_rollback_to_a_faulty_release'],
    machine: (before, event) => {
      if (event.type !== 'rollback_requested' || !before.previous?.faulty) return transition(before, event);
      const result = transition({ ...before, previous: { ...before.previous, faulty: false } }, event);
      if ('ignored' in result || !result.state.previous) return result;
      return { ...result, state: { ...result.state, previous: { ...result.state.previous, faulty: true } } };
    },
  },
  {
    name: 'keeps the quarantine empty',
    caughtBy: ['quarantine_holds_what_was_rolled_back_from'],
    machine: after(({ state, commands }) => ({ state: { ...state, quarantine: [] }, commands })),
  },
  {
    name: 'keeps a commit in quarantine that was deployed again',
    caughtBy: ['a_deploy_ends_the_quarantine'],
    machine: after(({ before, state, commands }) => ({
      state: { ...state, quarantine: [...new Set([...before.quarantine, ...state.quarantine])] },
      commands,
    })),
  },
  {
    name: 'loses the way back when the same commit is deployed twice',
    caughtBy: ['previous_is_the_way_back'],
    machine: after(({ before, event, state, commands }) => {
      if (before.attempt?.kind !== 'deploy' || event.type !== 'step_succeeded' || event.step !== 'promote') return undefined;
      if (before.live?.commit !== state.live?.commit || !before.live) return undefined;
      return { state: { ...state, previous: { commit: before.live.commit, slot: before.live.slot, faulty: false } }, commands };
    }),
  },
  {
    name: 'answers twice',
    caughtBy: ['one_outcome_each'],
    machine: after(({ state, commands }) => ({ state, commands: [...commands, ...commands.filter((it) => it.type === 'finish')] })),
  },
  {
    name: 'never answers',
    caughtBy: ['one_attempt_at_a_time', 'one_outcome_each'],
    machine: after((done) => without(done, (it) => it.type === 'finish')),
  },
  {
    name: 'tells people of success that was none',
    caughtBy: ['the_outcome_is_true'],
    machine: after(({ state, commands }) => {
      const lie = (it: Command): Command =>
        it.type === 'finish' && !it.outcome.ok ? { ...it, outcome: { ok: true, slot: 'a', commit: 'c1', previous_commit: '' } } : it;
      return { state, commands: commands.map(lie) };
    }),
  },
  {
    name: 'undoes a promotion that took effect just before a crash',
    caughtBy: ['a_promotion_that_took_effect_stands'],
    machine: beforehand((state, event) => (event.type === 'started' && state.attempt ? [state, { ...event, route: null }] : undefined)),
  },
  {
    name: 'finishes a promotion that never took effect',
    caughtBy: ['only_a_promotion_changes_what_is_live', 'what_is_live_is_routed'],
    machine: beforehand((state, event) =>
      event.type === 'started' && state.attempt?.step === 'promote' ? [state, { ...event, route: state.attempt.candidate }] : undefined,
    ),
  },
  {
    name: 'begins the next attempt before the last one is over',
    caughtBy: ['one_attempt_at_a_time', 'one_step_at_a_time', 'one_outcome_each'],
    machine: (before, event) => {
      if (event.type !== 'deploy_requested' || before.attempt?.phase !== 'running') return transition(before, event);
      return transition({ ...before, attempt: null }, event);
    },
  },
  {
    name: 'lets a probe of a warm instance go on beside its successor',
    caughtBy: ['one_step_at_a_time'],
    machine: after((done) => without(done, (it) => it.type === 'abort_step')),
  },
  {
    name: 'stops a restarted instance that has the route when the orchestrator starts',
    caughtBy: ['requests_never_reach_a_stopped_instance'],
    machine: (before, event) => {
      if (event.type !== 'started' || !before.restart) return transition(before, event);
      const known = { ...before, restart: null };
      return transition(known, event);
    },
  },
  {
    name: 'forgets a publication that a crash cut off',
    caughtBy: ['what_is_live_is_published'],
    machine: beforehand((state, event) => (event.type === 'started' ? [{ ...state, publishing: [] }, event] : undefined)),
  },
  {
    name: 'keeps a request waiting while it stops',
    caughtBy: ['a_stop_refuses_what_waits'],
    machine: after((done) => {
      if (done.event.type !== 'stop_requested') return undefined;
      done.state.queue = done.before.queue;
      const waiting = new Set(done.before.queue.map((it) => it.id));
      return without(done, (it) => it.type === 'finish' && waiting.has(it.attempt));
    }),
  },
  {
    name: 'remembers what JSON cannot',
    caughtBy: ['state_is_plain_json'],
    machine: after(({ state, commands }) => ({ state: { ...state, promoted_at: state.promoted_at || Number.NaN }, commands })),
  },
  {
    name: 'gives two instances the same name',
    caughtBy: ['instance_names_are_unique', 'an_instance_has_one_role'],
    machine: beforehand((state, event) => [{ ...state, boots: 0 }, event]),
  },
  {
    name: 'keeps an instance as standby and stops it too',
    caughtBy: ['an_instance_has_one_role'],
    machine: after(({ before, event, state, commands }) => {
      const leaving = event.type === 'drained' && before.retiring.find((it) => it.instance === event.instance);
      return leaving && state.standby?.instance === leaving.instance
        ? { state: { ...state, retiring: before.retiring }, commands }
        : undefined;
    }),
  },
  {
    name: 'forgets the standby when it makes room for a deploy',
    caughtBy: ['no_instance_is_forgotten', 'a_slot_is_overwritten_only_when_nothing_runs_in_it'],
    machine: beforehand((state, event) =>
      event.type === 'step_succeeded' && event.step === 'gate' ? [{ ...state, standby: null }, event] : undefined,
    ),
  },
  {
    name: 'deploys into the live slot',
    caughtBy: ['a_deploy_leaves_the_live_slot'],
    machine: after(({ before, state, commands }) => {
      const { attempt, live } = state;
      if (!attempt || !live || attempt.kind !== 'deploy' || attempt.id === before.attempt?.id) return undefined;
      return { state: { ...state, attempt: { ...attempt, slot: live.slot } }, commands };
    }),
  },
  {
    name: 'records the commit that was asked for before as the live one',
    caughtBy: ['what_is_live_is_what_was_promoted'],
    machine: after(({ before, event, state, commands }) => {
      const promoted = event.type === 'step_succeeded' && event.step === 'promote';
      return promoted && before.live && state.live
        ? { state: { ...state, live: { ...state.live, commit: before.live.commit } }, commands }
        : undefined;
    }),
  },
  {
    name: 'never comes to rest when it stops',
    caughtBy: ['a_stop_comes_to_rest'],
    machine: after((done) => {
      done.state.at_rest = false;
      return without(done, (it) => it.type === 'shut_down');
    }),
  },
  {
    name: 'ignores a request without an attempt for it',
    caughtBy: ['every_request_is_taken'],
    machine: (before, event) => (event.type === 'deploy_requested' && before.attempt ? { ignored: 'busy' } : transition(before, event)),
  },
  {
    name: 'ignores a second rollback without saying why',
    caughtBy: ['a_refused_event_has_a_reason'],
    machine: (before, event) => {
      const result = transition(before, event);
      return 'ignored' in result && event.type === 'rollback_requested' ? { ignored: '' } : result;
    },
  },
  {
    name: 'takes a second rollback beside the first',
    caughtBy: ['one_rollback_at_a_time'],
    machine: (before, event) => {
      const result = transition(before, event);
      if (event.type !== 'rollback_requested' || !('ignored' in result)) return result;
      return { state: { ...before, queue: [{ ...event.request, overtaken: 0 }, ...before.queue] }, commands: [] };
    },
  },
  {
    name: 'leaves the route where it was when the orchestrator starts',
    caughtBy: ['the_live_release_serves'],
    machine: after((done) =>
      done.event.type === 'started' ? without(done, (it) => it.type === 'switch_live' || it.type === 'clear_route') : undefined,
    ),
  },
  {
    name: 'leaves the app running when it is asked to stop it',
    caughtBy: ['a_stop_stops_everything'],
    machine: after(({ state, commands }) => ({
      state,
      commands: commands.map((it) => (it.type === 'shut_down' ? { ...it, detach: true } : it)),
    })),
  },
  {
    name: 'takes what it has stopped for the standby',
    caughtBy: ['only_live_and_standby_run'],
    machine: after(({ before, event, state, commands }) => {
      const gone = event.type === 'instance_exited' && before.retiring.find((it) => it.instance === event.instance);
      if (!gone || state.standby || state.attempt) return undefined;
      const { instance, slot, commit } = gone;
      return { state: { ...state, standby: { instance, slot, commit, until: event.at } }, commands };
    }),
  },
  {
    name: 'restarts another commit than the live one',
    caughtBy: ['instances_are_what_they_are_taken_for'],
    machine: after(({ state, commands }) => ({
      state,
      commands: commands.map((it) => (it.type === 'restart' ? { ...it, commit: 'c9' } : it)),
    })),
  },
  {
    name: 'switches the route to the instance that is live already',
    caughtBy: ['what_is_live_is_routed'],
    machine: after(({ state, commands }) => {
      const instance = state.live?.instance;
      if (!instance) return undefined;
      return { state, commands: commands.map((it) => (it.type === 'run_step' && it.step === 'promote' ? { ...it, instance } : it)) };
    }),
  },
  {
    name: 'does not wait for the end of a publication',
    caughtBy: ['views_tell_the_truth'],
    machine: after(({ state, commands }) => ({ state: { ...state, publishing: [] }, commands })),
  },
  {
    name: 'promotes what the agent deploys without asking',
    caughtBy: ['a_person_decides_what_the_agent_may_promote'],
    machine: beforehand((state, event) =>
      event.type === 'step_succeeded' && event.step === 'probe'
        ? [{ ...state, policy: { ...state.policy, approval_timeout_ms: 0 } }, event]
        : undefined,
    ),
  },
  {
    name: 'takes a no for a yes',
    caughtBy: ['a_person_decides_what_the_agent_may_promote'],
    machine: beforehand((state, event) => {
      if (event.type !== 'denied') return undefined;
      const { attempt, by, caller, at } = event;
      return [state, { type: 'approved', attempt, by, caller, at }];
    }),
  },
  {
    name: 'lets others wait behind a deploy that waits for approval',
    caughtBy: ['what_waits_for_approval_holds_nobody_up'],
    machine: (before, event) => {
      if (event.type !== 'deploy_requested' || before.attempt?.phase !== 'waiting') return transition(before, event);
      return { state: { ...before, queue: [...before.queue, { ...event.request, overtaken: 0 }] }, commands: [] };
    },
  },
  {
    name: 'asks for approval before the probe',
    caughtBy: ['what_waits_for_approval_has_proved_itself'],
    machine: after(({ state, commands, event }) => {
      const { attempt } = state;
      if (event.type !== 'step_succeeded' || event.step !== 'boot' || attempt?.phase !== 'running') return undefined;
      if (!state.policy.approval_timeout_ms || attempt.trigger !== 'agent' || state.queue.length > 0 || state.freeze) return undefined;
      const until = event.at + 1;
      const asking = { ...attempt, step: 'promote', phase: 'waiting', approval: { since: event.at, until, approved: false } } as const;
      const ask: Command = { type: 'await_approval', attempt: attempt.id, instance: attempt.candidate ?? '', until };
      return { state: { ...state, attempt: asking }, commands: [...commands.filter((it) => it.type !== 'run_step'), ask] };
    }),
  },
  {
    name: 'takes deploys although they are frozen',
    caughtBy: ['a_freeze_holds'],
    machine: beforehand((state, event) => (event.type === 'deploy_requested' ? [{ ...state, freeze: null }, event] : undefined)),
  },
];

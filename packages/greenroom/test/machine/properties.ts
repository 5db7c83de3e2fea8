/** The rules, each with a name. A rule that does not hold throws a `Violation`. */
import { isDeepStrictEqual } from 'node:util';
import type { AttemptView } from '@greenroom/sdk/wire';
import type { Command, Outcome } from '../../src/orchestrator/core/commands.ts';
import type { MachineEvent } from '../../src/orchestrator/core/events.ts';
import { frozenFor } from '../../src/orchestrator/core/machine/governance.ts';
import { MAX_OVERTAKEN } from '../../src/orchestrator/core/machine/requests.ts';
import { rollbackImpossible, rollbackUnderWay } from '../../src/orchestrator/core/machine/rules.ts';
import { DEPLOY_STEPS } from '../../src/orchestrator/core/plan.ts';
import type { Attempt, State } from '../../src/orchestrator/core/state.ts';
import { hold } from './rules.ts';
import { knownInstances } from './stale.ts';
import type { Simulation } from './world.ts';

/** After every event, before its commands are carried out. */
export function checkEvent(sim: Simulation, before: State, event: MachineEvent, commands: readonly Command[]): void {
  const { state: after } = sim;
  hold('state_is_plain_json', isDeepStrictEqual(JSON.parse(JSON.stringify(after)), after), () => JSON.stringify(after));
  checkAttempt(sim, before, after, commands);
  checkLive(sim, before, event, after);
  checkStops(before, after, commands);
  checkOutcomes(sim, before, after, commands);
  checkQueue(sim, before, after);
  checkFreeze(before, event, after);
  checkApproval(sim, before, after, commands);
  checkWatch(before, event, after);
  checkViews(sim, commands);
  const names = knownInstances(after);
  hold('an_instance_has_one_role', new Set(names).size === names.length, () => `${names.join(', ')} after ${event.type}`);
}

function checkAttempt(sim: Simulation, before: State, after: State, commands: readonly Command[]): void {
  const { attempt } = after;
  const decided = new Set(commands.filter((it) => it.type === 'finish').map((it) => it.attempt));
  if (before.attempt && before.attempt.id !== attempt?.id) {
    hold('one_attempt_at_a_time', decided.has(before.attempt.id), `${before.attempt.id} gave way to ${attempt?.id ?? 'nothing'} undecided`);
  }
  for (const it of commands) {
    if (it.type !== 'run_step') continue;
    hold('one_attempt_at_a_time', it.attempt === attempt?.id && it.step === attempt.step, `${it.step} of ${it.attempt} is not what runs`);
  }
  if (attempt?.phase === 'undoing') {
    const candidates = commands.filter((it) => it.type === 'undo').map((it) => it.candidate);
    const begun = before.attempt?.id !== attempt.id || before.attempt.phase !== 'undoing';
    if (begun) hold('an_undo_ends_the_candidate', candidates.includes(attempt.candidate), `${attempt.id} forgets ${attempt.candidate}`);
  }
  if (!attempt || attempt.id === before.attempt?.id) return;
  checkBeginning(sim, before, attempt, after);
}

function checkBeginning(sim: Simulation, before: State, attempt: Attempt, after: State): void {
  // The live release may have been promoted by the very event that let this attempt begin.
  const { previous, live } = after;
  if (attempt.kind === 'rollback') {
    hold('rollback_goes_to_previous', attempt.resolved === previous?.commit && attempt.slot === previous.slot, () =>
      JSON.stringify({ attempt, previous }),
    );
    hold('no_rollback_to_a_faulty_release', previous.faulty === false, attempt.id);
    return;
  }
  if (attempt.kind === 'restart') {
    const same = attempt.resolved === live?.commit && attempt.slot === live.slot && !attempt.steps.includes('prepare');
    hold('a_restart_is_of_what_is_live', same, () => JSON.stringify({ attempt, live }));
  } else {
    hold('a_freeze_holds', frozenFor(after, attempt) === null, `${attempt.id} begins in spite of the freeze`);
    hold('a_deploy_leaves_the_live_slot', attempt.slot !== live?.slot, `${attempt.id} takes slot ${attempt.slot}`);
  }
  const isRollback = (it: { kind: string }): boolean => it.kind === 'rollback';
  hold('a_rollback_never_waits_for_a_deploy', !after.queue.some(isRollback), () => JSON.stringify(before.queue));
  const own = sim.requests.get(attempt.id);
  const people = after.queue.some((it) => it.trigger !== 'agent');
  hold(
    'people_go_first',
    attempt.trigger !== 'agent' || !people || (own?.overtaken ?? 0) >= MAX_OVERTAKEN,
    `${attempt.id} goes before a person`,
  );
  if (attempt.kind === 'restart') return;
  for (const { id, trigger } of after.queue) {
    const waiting = sim.requests.get(id);
    if (!waiting || !own || waiting.order > own.order) continue;
    waiting.overtaken += 1;
    if (waiting.overtaken === MAX_OVERTAKEN && trigger === 'agent') sim.seen('agent overtaken to the limit');
    hold('nobody_starves', waiting.overtaken <= MAX_OVERTAKEN, `${id} was overtaken ${waiting.overtaken} times`);
  }
}

function checkLive(sim: Simulation, before: State, event: MachineEvent, after: State): void {
  const was = before.live;
  const is = after.live;
  const { attempt } = before;
  const released = is && { commit: is.commit, slot: is.slot, attempt: is.attempt };
  if (!isDeepStrictEqual(was && { commit: was.commit, slot: was.slot, attempt: was.attempt }, released)) {
    const promotion = attempt?.phase === 'running' && attempt.step === 'promote';
    const succeeded = event.type === 'step_succeeded' && event.step === 'promote' && event.attempt === attempt?.id;
    const found = event.type === 'started' && event.route === attempt?.candidate;
    hold('only_a_promotion_changes_what_is_live', promotion && (succeeded || found), () => `${event.type}: ${JSON.stringify({ was, is })}`);
    hold(
      'what_is_live_is_routed',
      sim.facts.route === attempt.candidate,
      `the route is on ${sim.facts.route}, not on ${attempt.candidate}`,
    );
    const release = is?.commit === attempt.resolved && is.slot === attempt.slot && is.attempt === attempt.id;
    hold('what_is_live_is_what_was_promoted', release, () => JSON.stringify({ is, attempt }));
    if (is) checkPromoted(before, after, attempt);
  } else if (event.type === 'started' && attempt?.phase === 'running' && attempt.step === 'promote') {
    const took = event.route !== null && event.route === attempt.candidate && event.alive.some((it) => it.instance === event.route);
    const renewed = attempt.kind === 'restart' && after.attempt?.phase !== 'undoing' && is?.served_at === sim.now;
    hold('a_promotion_that_took_effect_stands', !took || renewed, `${attempt.id} was undone although ${event.route} has the route`);
  }
  if (attempt?.kind === 'restart' && after.attempt?.id !== attempt.id && is?.instance === attempt.candidate) checkRestarted(before, after);
  const instance = is?.instance ?? null;
  if (instance === null || instance === was?.instance) return;
  const ways = ['step_succeeded', 'live_switched', 'started'];
  hold('what_serves_was_probed', ways.includes(event.type) && sim.probed.has(instance), `${instance} serves by ${event.type}`);
}

function checkPromoted(before: State, after: State, attempt: Attempt): void {
  const old = before.live;
  const { previous, quarantine, live } = after;
  if (attempt.kind === 'deploy') hold('a_deploy_ends_the_quarantine', !quarantine.includes(attempt.resolved), attempt.resolved);
  else if (old && old.commit !== live?.commit) {
    hold('quarantine_holds_what_was_rolled_back_from', quarantine.includes(old.commit), `${old.commit} is not in quarantine`);
  }
  const again = attempt.kind === 'deploy' && old?.commit === attempt.resolved && before.previous !== null;
  const expected = again ? before.previous?.commit : old?.commit;
  hold('previous_is_the_way_back', previous?.commit === expected, `previous is ${previous?.commit}, not ${expected}`);
  if (previous) hold('previous_is_the_way_back', previous.slot !== live?.slot, `both are in slot ${previous.slot}`);
}

/** Nothing changed but the process; and nothing warm is left that has the secrets of before. */
function checkRestarted(before: State, after: State): void {
  const kept = ({ previous, quarantine, promoted_at, settled_head }: State): object => ({
    previous,
    quarantine,
    promoted_at,
    settled_head,
  });
  hold('a_restart_changes_nothing_else', isDeepStrictEqual(kept(before), kept(after)), () => JSON.stringify({ before, after }));
  const fresh = after.live?.instance !== null;
  // A start ends a watch whose time is over by then.
  const over = before.watch === null || before.watch.until <= (after.live?.served_at ?? 0);
  const watched = over || !fresh || after.watch?.instance === after.live?.instance;
  hold('a_restart_changes_nothing_else', watched, () => JSON.stringify({ watch: after.watch, live: after.live }));
  const warm = after.standby !== null || after.retiring.some((it) => it.keep);
  hold('a_restart_leaves_nothing_warm', !warm, () => JSON.stringify({ standby: after.standby, retiring: after.retiring }));
}

function checkStops(before: State, after: State, commands: readonly Command[]): void {
  const live = after.live?.instance;
  for (const it of commands) {
    if (it.type !== 'stop' && it.type !== 'drain' && it.type !== 'undo') continue;
    const target = it.type === 'undo' ? it.candidate : it.instance;
    hold('the_live_instance_is_not_stopped', target === null || target !== live, `${it.type} of ${target}, which is live`);
    if (target !== null && it.type !== 'drain' && target === before.live?.instance) {
      hold('the_live_instance_is_drained_first', false, `${it.type} of ${target}, which was live until now`);
    }
  }
}

function checkOutcomes(sim: Simulation, before: State, after: State, commands: readonly Command[]): void {
  for (const it of commands) {
    if (it.type !== 'finish') continue;
    const entry = sim.requests.get(it.attempt);
    hold('one_outcome_each', entry !== undefined && entry.outcomes === 0, `${it.attempt} is decided again`);
    entry.outcomes += 1;
    const renewed = entry.request.kind === 'restart' && before.attempt?.id === it.attempt && after.live?.served_at === sim.now;
    const promoted = renewed || (after.live?.attempt === it.attempt && before.live?.attempt !== it.attempt);
    hold('the_outcome_is_true', it.outcome.ok === promoted, `${it.attempt}: ${JSON.stringify(it.outcome)}`);
  }
  const open = [...after.queue, ...(after.attempt ? [after.attempt] : [])].map((it) => it.id);
  for (const [id, { outcomes }] of sim.requests) {
    hold('one_outcome_each', outcomes === 1 || open.includes(id), `${id} is neither decided nor waiting`);
  }
  hold('one_outcome_each', new Set(open).size === open.length && open.every((id) => sim.requests.get(id)?.outcomes === 0), open.join(', '));
}

function checkQueue(sim: Simulation, before: State, after: State): void {
  const branches = after.queue.filter((it) => it.kind === 'deploy' && it.branch !== '').map((it) => it.branch);
  hold('newer_supersedes_older', new Set(branches).size === branches.length, `several deploys wait for ${branches.join(', ')}`);
  hold('nothing_waits_for_nothing', after.attempt !== null || after.queue.length === 0, () => JSON.stringify(after.queue));
  const rollbacks = after.queue.filter((it) => it.kind === 'rollback');
  hold('one_rollback_at_a_time', rollbacks.length <= 1, () => JSON.stringify(rollbacks));
  const blocked =
    rollbacks.length > 0 &&
    after.attempt !== null &&
    after.attempt.kind !== 'rollback' &&
    after.attempt.phase !== 'undoing' &&
    !(after.attempt.phase === 'running' && after.attempt.step === 'promote');
  hold('a_rollback_never_waits_for_a_deploy', !blocked, () => JSON.stringify({ before, after }));
  if (after.stopping !== 'no') hold('a_stop_refuses_what_waits', after.queue.length === 0, () => JSON.stringify(after.queue));
  const ending = after.stopping === 'stop' && after.retiring.some((it) => it.phase === 'stopping');
  const canRest = after.stopping !== 'no' && !after.attempt && !ending;
  if (sim.life?.stage === 'serving' && canRest) hold('a_stop_comes_to_rest', after.at_rest, 'not at rest');
}

function checkFreeze({ freeze }: State, event: MachineEvent, after: State): void {
  if (event.type !== 'deploy_requested' || !freeze || (freeze.scope === 'agent' && event.request.trigger !== 'agent')) return;
  const taken = after.attempt?.id === event.request.id || after.queue.some((it) => it.id === event.request.id);
  hold('a_freeze_holds', !taken, `${event.request.id} is taken in spite of the freeze`);
}

function checkApproval(sim: Simulation, before: State, after: State, commands: readonly Command[]): void {
  const asked = (it: { kind: string; trigger: string; caller: string }): boolean =>
    Boolean(sim.policy.approval_timeout_ms) && it.kind === 'deploy' && (it.trigger === 'agent' || it.caller === 'tcp');
  for (const it of commands) {
    if (it.type !== 'run_step' || it.step !== 'promote') continue;
    const request = sim.requests.get(it.attempt)?.request;
    const allowed = !request || !asked(request) || (sim.approved.has(it.attempt) && !sim.denied.has(it.attempt));
    hold('a_person_decides_what_the_agent_may_promote', allowed, `${it.attempt} is promoted without approval`);
  }
  const { attempt } = after;
  if (attempt?.phase !== 'waiting') return;
  hold('what_waits_for_approval_holds_nobody_up', after.queue.length === 0, () => JSON.stringify(after.queue));
  hold('what_waits_for_approval_holds_nobody_up', asked(attempt), `${attempt.id} of ${attempt.trigger} waits for a person`);
  hold('a_freeze_holds', frozenFor(after, attempt) === null, `${attempt.id} still waits in spite of the freeze`);
  hold('what_waits_for_approval_holds_nobody_up', after.stopping === 'no', 'a stop waits for a person');
  const begun = before.attempt?.phase !== 'waiting';
  hold('everything_ends', !begun || commands.some((it) => it.type === 'await_approval'), `nobody is asked about ${attempt.id}`);
}

/** The watch and the death of what it watches lead to a rollback by itself, where one is possible. */
function checkWatch(before: State, event: MachineEvent, after: State): void {
  const failed = event.type === 'watch_failed' && before.watch?.attempt === event.attempt;
  const died =
    event.type === 'instance_exited' &&
    before.watch !== null &&
    before.watch.instance === event.instance &&
    before.live?.instance === event.instance;
  if ((!failed && !died) || before.stopping !== 'no' || rollbackImpossible(before)) return;
  const promoting = before.attempt?.phase === 'running' && before.attempt.step === 'promote';
  hold('a_failed_watch_rolls_back', promoting || rollbackUnderWay(after) !== null, () => JSON.stringify({ event, after }));
}

function checkViews(sim: Simulation, commands: readonly Command[]): void {
  for (const it of commands) if (it.type === 'finish') checkDecidedView(sim.history.get(it.attempt), it.attempt, it.outcome);
  const { attempt } = sim.state;
  if (!attempt) return;
  const view = sim.history.get(attempt.id);
  hold('views_tell_the_truth', view?.status === 'running', `${attempt.id} runs, its view says ${view?.status}`);
}

function checkDecidedView(view: AttemptView | undefined, id: string, outcome: Outcome): void {
  hold('views_tell_the_truth', view !== undefined, `${id} has no view`);
  const unfinished = view.steps.filter((it) => DEPLOY_STEPS.includes(it.step) && (it.status === 'running' || it.status === 'pending'));
  hold('views_tell_the_truth', unfinished.length === 0, () => JSON.stringify(view));
  const statuses = outcome.ok ? ['succeeded', 'rolled_back'] : ['failed'];
  hold('views_tell_the_truth', statuses.includes(view.status) && view.promoted === outcome.ok, () => JSON.stringify(view));
  if (!outcome.ok) hold('views_tell_the_truth', view.code === outcome.failure.code, () => JSON.stringify({ view, outcome }));
}

/** After every move of the world. */
export function checkWorld(sim: Simulation): void {
  const { facts, life, state, overwriting } = sim;
  for (const [instance, { slot }] of facts.processes) {
    hold('a_slot_is_overwritten_only_when_nothing_runs_in_it', !overwriting.has(slot), `${instance} runs in slot ${slot}`);
  }
  if (life?.stage !== 'serving') return;
  const known = knownInstances(state);
  for (const instance of facts.processes.keys())
    hold('no_instance_is_forgotten', known.includes(instance), `${instance} runs and nobody knows`);
}

/** Nothing happens any more. */
export function checkAtRest(sim: Simulation): void {
  const { state, facts, history, requests } = sim;
  const { live, standby, attempt, queue, retiring, restart } = state;
  const idle = !attempt && queue.length === 0 && retiring.length === 0 && !restart;
  hold('everything_ends', idle, () => `nothing happens, and yet: ${JSON.stringify({ attempt, queue, retiring, restart })}`);
  if (live) hold('the_live_release_serves', live.instance !== null && facts.processes.has(live.instance), () => JSON.stringify(live));
  hold('the_live_release_serves', facts.route === (live?.instance ?? null), `the route is on ${facts.route}, live is ${live?.instance}`);
  const kept = [live?.instance, standby?.instance].filter((it) => typeof it === 'string').sort();
  hold(
    'only_live_and_standby_run',
    isDeepStrictEqual([...facts.processes.keys()].sort(), kept),
    () => `${[...facts.processes.keys()]} run, not ${kept}`,
  );
  for (const [instance, process] of facts.processes) {
    const role = instance === live?.instance ? live : standby;
    hold('instances_are_what_they_are_taken_for', role?.commit === process.commit && role.slot === process.slot, instance);
  }
  // What failed to be published is tried again by the next start.
  if (live && !state.publishing.includes(live.attempt)) {
    const published = facts.refs.live === live.commit && facts.refs.previous === (state.previous?.commit ?? '');
    hold('what_is_live_is_published', published, () => JSON.stringify({ refs: facts.refs, live, previous: state.previous }));
  }
  for (const [id, { outcomes }] of requests) hold('one_outcome_each', outcomes === 1, `${id} has ${outcomes} outcomes`);
  for (const view of history.values()) {
    const open = view.steps.filter((it) => it.status === 'running' || it.status === 'pending');
    hold('views_tell_the_truth', view.status !== 'queued' && view.status !== 'running' && open.length === 0, () => JSON.stringify(view));
  }
}

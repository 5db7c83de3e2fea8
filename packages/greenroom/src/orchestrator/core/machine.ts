/**
 * The orchestrator's decisions: a pure function from state and event to the next state and what to do about it. No I/O, no clock: the time is
 * in the event. A deploy and a rollback are the same thing with another list of steps.
 *
 * What holds after every event, and is tested as properties:
 * one attempt at a time; only a promotion changes what is live; the live instance is never stopped but by retirement; every candidate ends up
 * live, standby or stopped; an event of a past attempt, step or instance changes nothing.
 */
import type { Failure, StepName } from '@greenroom/sdk/wire';
import type { Command, Outcome } from './commands.ts';
import type { MachineEvent, StepData } from './events.ts';
import { planDeploy, planRollback } from './plan.ts';
import { type Attempt, otherSlot, type Queued, type Release, type Request, type Retiring, type State } from './state.ts';

export type Transition = { state: State; commands: Command[] } | { ignored: string };

/** A queued agent's deploy is overtaken by at most this many human ones. */
export const MAX_OVERTAKEN = 3;
export const RESTART_FIRST_DELAY_MS = 1_000;
export const RESTART_MAX_DELAY_MS = 30_000;
/** An instance that served this long is no part of a crash loop. */
export const RESTART_FORGIVEN_AFTER_MS = 60_000;

interface Draft {
  state: State;
  commands: Command[];
  at: number;
}

/** Why an event changed nothing, or nothing when it did. */
type Ignored = string | undefined;

export function transition(state: State, event: MachineEvent): Transition {
  const draft: Draft = { state: structuredClone(state), commands: [], at: event.at };
  const ignored = apply(draft, event);
  return ignored === undefined ? { state: draft.state, commands: draft.commands } : { ignored };
}

function apply(draft: Draft, event: MachineEvent): Ignored {
  switch (event.type) {
    case 'started':
      return started(draft, event);
    case 'deploy_requested':
      return deployRequested(draft, event.request);
    case 'rollback_requested':
      return rollbackRequested(draft, event.request);
    case 'step_succeeded':
      return whileRunning(draft, event, (attempt) => stepSucceeded(draft, attempt, event.data));
    case 'step_failed':
      return whileRunning(draft, event, (attempt) => stepFailed(draft, attempt, event.failure));
    case 'undone':
      return undone(draft, event);
    case 'instance_exited':
      return instanceExited(draft, event);
    case 'drained':
      return drained(draft, event.instance);
    case 'standby_expired':
      return standbyExpired(draft, event.instance);
    case 'restart_ready':
      return restartReady(draft, event.instance);
    case 'restart_failed':
      return restartFailed(draft, event.instance, event.failure.error);
    case 'live_switched':
      return liveSwitched(draft, event.instance);
    case 'published':
      return undefined;
    case 'watch_elapsed':
      return whileWatching(draft, event.attempt, () => undefined);
    case 'watch_failed':
      return whileWatching(draft, event.attempt, () => rollBackByItself(draft, event.attempt, event.failure.error));
    case 'stop_requested':
      return stopRequested(draft, event.detach);
    case 'stopped':
      return stopped(draft, event.detach);
    default: {
      const exhaustive: never = event;
      return `unknown event ${JSON.stringify(exhaustive)}`;
    }
  }
}

// Requests and their order

function deployRequested(draft: Draft, request: Request): Ignored {
  const { state } = draft;
  if (state.stopping !== 'no') return refuse(draft, request, shuttingDown());
  const older = state.queue.filter((it) => it.kind === 'deploy' && it.branch !== '' && it.branch === request.branch);
  for (const it of older) {
    refuse(draft, it, {
      code: 'superseded',
      error: `A newer deploy of branch ${it.branch} (${request.id}) took the place of this one before it began.`,
    });
  }
  state.queue = state.queue.filter((it) => !older.includes(it));
  state.queue.push({ ...request, overtaken: 0 });
  advance(draft);
  return undefined;
}

function rollbackRequested(draft: Draft, request: Request): Ignored {
  const { state } = draft;
  if (state.stopping !== 'no') return refuse(draft, request, shuttingDown());
  const underWay = rollbackUnderWay(state);
  if (underWay !== null) return `rollback ${underWay} is already under way`;
  const { attempt } = state;
  const promoting = attempt?.phase === 'running' && attempt.step === 'promote';
  const impossible = promoting ? null : rollbackImpossible(state);
  if (impossible) return refuse(draft, request, impossible);
  state.queue.unshift({ ...request, overtaken: 0 });
  if (attempt?.phase === 'running' && !promoting)
    abort(draft, attempt, { code: 'aborted', error: `Rollback ${request.id} ended this deploy before it was promoted.` });
  advance(draft);
  return undefined;
}

/** Id of the rollback that runs or waits; whoever asks for another one is given its outcome. */
export function rollbackUnderWay(state: State): string | null {
  if (state.attempt?.kind === 'rollback' && state.attempt.phase === 'running') return state.attempt.id;
  return state.queue.find((it) => it.kind === 'rollback')?.id ?? null;
}

/** Why no rollback can be done now; null when one can. */
export function rollbackImpossible(state: State): Failure | null {
  const { live, previous } = state;
  if (!live || !previous) return { code: 'no_previous_release', error: 'There is no previous release to roll back to.' };
  if (!previous.faulty) return null;
  return {
    code: 'no_previous_release',
    error: `The previous release ${short(previous.commit)} was rolled back from automatically, so going back to it is not a rollback.`,
    evidence: { remedy: `To make it live all the same: greenroom deploy ${previous.commit}` },
  };
}

function advance(draft: Draft): void {
  const { state } = draft;
  if (state.attempt) return;
  if (state.stopping !== 'no') {
    draft.commands.push({ type: 'shut_down', detach: state.stopping === 'detach' });
    return;
  }
  const next = takeNext(state);
  if (next) begin(draft, next);
}

/** Rollbacks first, then people before agents, but no agent's request waits for ever. */
function takeNext(state: State): Queued | undefined {
  const { queue } = state;
  const rollback = queue.find((it) => it.kind === 'rollback');
  const starved = queue.find((it) => it.overtaken >= MAX_OVERTAKEN);
  const person = queue.find((it) => it.trigger !== 'agent');
  const next = rollback ?? starved ?? person ?? queue[0];
  if (!next) return undefined;
  const position = queue.indexOf(next);
  if (next.kind === 'deploy') for (const it of queue.slice(0, position)) it.overtaken += 1;
  queue.splice(position, 1);
  return next;
}

function begin(draft: Draft, queued: Queued): void {
  const { state } = draft;
  const { overtaken: _, ...request } = queued;
  const impossible = request.kind === 'rollback' ? rollbackImpossible(state) : null;
  const plan = request.kind === 'rollback' ? planRollback(state) : planDeploy(state);
  if (impossible || !plan) {
    refuse(draft, request, impossible ?? { code: 'no_previous_release', error: 'There is no previous release to roll back to.' });
    advance(draft);
    return;
  }
  const first = plan.steps[0] ?? 'promote';
  state.attempt = {
    ...request,
    steps: plan.steps,
    step: first,
    phase: 'running',
    resolved: plan.commit,
    slot: plan.slot,
    candidate: plan.warm,
    reused: plan.warm !== null,
    touched: false,
    waiting_for: [],
    candidate_exit: '',
    failure: null,
  };
  if (plan.warm !== null) takeBack(draft, plan.warm);
  enter(draft, state.attempt, first);
}

/** The previous release's instance becomes the candidate: it is no longer anybody's standby, and its drain is off. */
function takeBack(draft: Draft, instance: string): void {
  const { state } = draft;
  if (state.standby?.instance === instance) state.standby = null;
  if (!state.retiring.some((it) => it.instance === instance)) return;
  state.retiring = state.retiring.filter((it) => it.instance !== instance);
  draft.commands.push({ type: 'cancel_drain', instance });
}

// Steps

function whileRunning(draft: Draft, event: { attempt: string; step: StepName }, act: (attempt: Attempt) => void): Ignored {
  const { attempt } = draft.state;
  if (attempt?.id !== event.attempt) return `attempt ${event.attempt} is over`;
  if (attempt.phase !== 'running') return `attempt ${event.attempt} is being undone`;
  if (attempt.step !== event.step) return `attempt ${event.attempt} is at step ${attempt.step}, not ${event.step}`;
  if (attempt.waiting_for.length > 0) return `attempt ${event.attempt} waits for its slot`;
  act(attempt);
  return undefined;
}

function enter(draft: Draft, attempt: Attempt, step: StepName): void {
  attempt.step = step;
  if (step === 'prepare') {
    attempt.touched = true;
    draft.state.slots[attempt.slot] = { commit: '', ready: false };
    attempt.waiting_for = vacate(draft, attempt);
  }
  if (step === 'boot') attempt.candidate = nameInstance(draft.state, attempt.id);
  if (attempt.waiting_for.length === 0) runStep(draft, attempt);
}

function runStep(draft: Draft, attempt: Attempt): void {
  draft.commands.push({
    type: 'run_step',
    attempt: attempt.id,
    step: attempt.step,
    kind: attempt.kind,
    commit: attempt.resolved || attempt.commit,
    branch: attempt.branch,
    slot: attempt.slot,
    instance: attempt.candidate ?? '',
  });
}

/** Tells whatever still runs in the attempt's slot to end, and names it. A drain under way is left to finish. */
function vacate(draft: Draft, attempt: Attempt): string[] {
  const { state } = draft;
  if (state.standby?.slot === attempt.slot) {
    const { standby } = state;
    state.standby = null;
    stop(draft, standby.instance, standby, attempt.id);
  }
  return state.retiring.filter((it) => it.slot === attempt.slot).map((it) => it.instance);
}

function stepSucceeded(draft: Draft, attempt: Attempt, data: StepData): void {
  if (attempt.step === 'promote') {
    promoted(draft, attempt);
    return;
  }
  if (attempt.step === 'resolve') {
    attempt.resolved = data.commit ?? attempt.commit;
    attempt.branch = data.branch ?? attempt.branch;
  }
  if (attempt.step === 'prepare') draft.state.slots[attempt.slot] = { commit: attempt.resolved, ready: true };
  const next = attempt.steps[attempt.steps.indexOf(attempt.step) + 1];
  if (next) enter(draft, attempt, next);
}

function stepFailed(draft: Draft, attempt: Attempt, failure: Failure): void {
  if (attempt.reused && attempt.step === 'probe') bootInstead(draft, attempt);
  else abort(draft, attempt, failure);
}

/** The warm instance did not hold: its slot is still as it was, so a fresh boot of it can. */
function bootInstead(draft: Draft, attempt: Attempt): void {
  if (attempt.candidate !== null) stop(draft, attempt.candidate, { commit: attempt.resolved, slot: attempt.slot }, attempt.id);
  attempt.reused = false;
  attempt.steps = ['boot', 'probe', 'promote'];
  enter(draft, attempt, 'boot');
}

function abort(draft: Draft, attempt: Attempt, failure: Failure): void {
  attempt.failure = { ...failure, step: attempt.step };
  attempt.phase = 'undoing';
  attempt.waiting_for = [];
  draft.commands.push({ type: 'abort_step', attempt: attempt.id }, undo(draft.state, attempt));
}

function undo(state: State, attempt: Attempt): Command {
  const { id, candidate, slot, touched } = attempt;
  return { type: 'undo', attempt: id, candidate, slot, touched, restore: restorable(state, attempt) };
}

/** What the slot of a failed attempt is put back to; empty when it held nothing worth it. */
const restorable = ({ previous }: State, { slot }: Attempt): string => (previous?.slot === slot ? previous.commit : '');

function undone(draft: Draft, event: { attempt: string; slot_ready: boolean }): Ignored {
  const { state } = draft;
  const { attempt } = state;
  if (attempt?.id !== event.attempt) return `attempt ${event.attempt} is over`;
  if (attempt.phase !== 'undoing' || !attempt.failure) return `attempt ${event.attempt} is not being undone`;
  if (attempt.touched) {
    const restored = restorable(state, attempt);
    state.slots[attempt.slot] = { commit: restored, ready: restored !== '' && event.slot_ready };
  }
  const { step, ...failure } = attempt.failure;
  if (attempt.kind === 'deploy' && countsAsFailure(failure)) state.consecutive_failures += 1;
  draft.commands.push(finish(attempt.id, { ok: false, step, failure }));
  state.attempt = null;
  if (state.live?.instance === null && !state.restart && state.stopping === 'no')
    scheduleRestart(draft, 'the live instance is not running');
  advance(draft);
  return undefined;
}

const countsAsFailure = ({ code }: Failure): boolean => !['aborted', 'interrupted', 'shutting_down'].includes(code);

// Promotion and what follows it

function promoted(draft: Draft, attempt: Attempt): void {
  const { state, at } = draft;
  const old = state.live;
  state.live = { commit: attempt.resolved, slot: attempt.slot, instance: attempt.candidate, attempt: attempt.id, served_at: at };
  state.attempt = null;
  state.crashes = 0;
  rememberPrevious(state, attempt, old);
  if (state.restart) abandonRestart(draft, attempt.id);
  if (state.standby) {
    const { standby } = state;
    state.standby = null;
    stop(draft, standby.instance, standby, attempt.id);
  }
  draft.commands.push(finish(attempt.id, { ok: true, slot: attempt.slot, commit: attempt.resolved, previous_commit: old?.commit ?? '' }), {
    type: 'publish',
    attempt: attempt.id,
    live: attempt.resolved,
    previous: state.previous?.commit ?? '',
  });
  if (old && old.instance !== null) retire(draft, attempt, { ...old, instance: old.instance });
  startWatch(draft, attempt);
  if (attempt.candidate_exit) liveExited(draft, attempt.candidate_exit);
  advance(draft);
}

function rememberPrevious(state: State, attempt: Attempt, old: Release | null): void {
  if (attempt.kind === 'deploy') {
    state.promoted_at = attempt.at;
    state.consecutive_failures = 0;
    state.quarantine = state.quarantine.filter((it) => it !== attempt.resolved);
  } else if (old && old.commit !== attempt.resolved && !state.quarantine.includes(old.commit)) {
    state.quarantine.push(old.commit);
  }
  if (!old) return;
  // The same commit once more must not cost the way back to the release before it.
  const again = attempt.kind === 'deploy' && old.commit === attempt.resolved && state.previous !== null;
  state.previous =
    again && state.previous
      ? { ...state.previous, slot: otherSlot(attempt.slot) }
      : { commit: old.commit, slot: old.slot, faulty: attempt.kind === 'rollback' && isAutomatic(attempt) };
}

const AUTOMATIC_PREFIX = 'auto-';
const isAutomatic = (request: Request): boolean => request.id.startsWith(AUTOMATIC_PREFIX);

function retire(draft: Draft, attempt: Attempt, old: Release & { instance: string }): void {
  const { state, at } = draft;
  const keep = attempt.kind === 'deploy' && state.policy.standby_ms > 0 && state.previous?.commit === old.commit;
  state.retiring.push({
    instance: old.instance,
    slot: old.slot,
    commit: old.commit,
    attempt: attempt.id,
    phase: 'draining',
    keep,
    since: at,
  });
  draft.commands.push({ type: 'drain', instance: old.instance, since: at });
}

function drained(draft: Draft, instance: string): Ignored {
  const { state, at } = draft;
  const retiring = state.retiring.find((it) => it.instance === instance);
  if (retiring?.phase !== 'draining') return `instance ${instance} is not draining`;
  const wanted =
    retiring.keep &&
    !state.standby &&
    state.stopping === 'no' &&
    state.previous?.commit === retiring.commit &&
    state.attempt?.slot !== retiring.slot;
  if (!wanted) {
    retiring.phase = 'stopping';
    draft.commands.push({ type: 'stop', instance, since: retiring.since });
    return undefined;
  }
  state.retiring = state.retiring.filter((it) => it !== retiring);
  state.standby = { instance, slot: retiring.slot, commit: retiring.commit, until: at + state.policy.standby_ms };
  draft.commands.push({ type: 'keep_standby', instance, until: state.standby.until });
  return undefined;
}

function standbyExpired(draft: Draft, instance: string): Ignored {
  const { standby } = draft.state;
  if (standby?.instance !== instance) return `instance ${instance} is not the standby`;
  draft.state.standby = null;
  stop(draft, instance, standby, '');
  return undefined;
}

function stop(draft: Draft, instance: string, release: Release, attempt: string): void {
  const retiring: Retiring = {
    instance,
    slot: release.slot,
    commit: release.commit,
    attempt,
    phase: 'stopping',
    keep: false,
    since: draft.at,
  };
  draft.state.retiring.push(retiring);
  draft.commands.push({ type: 'stop', instance, since: draft.at });
}

// Watch

function startWatch(draft: Draft, attempt: Attempt): void {
  const { state, at } = draft;
  state.watch = null;
  if (attempt.kind !== 'deploy' || state.policy.watch_ms <= 0 || attempt.candidate === null || state.stopping !== 'no') return;
  state.watch = { attempt: attempt.id, instance: attempt.candidate, until: at + state.policy.watch_ms };
  draft.commands.push({ type: 'watch', ...state.watch });
}

function whileWatching(draft: Draft, attempt: string, act: () => void): Ignored {
  if (draft.state.watch?.attempt !== attempt) return `attempt ${attempt} is not being watched`;
  draft.state.watch = null;
  act();
  return undefined;
}

/** The live release does not hold: back to the previous one, before anything else. Answers whether it could. */
function rollBackByItself(draft: Draft, watched: string, why: string): boolean {
  const { state, at } = draft;
  if (state.stopping !== 'no' || rollbackImpossible(state)) return false;
  if (rollbackUnderWay(state) !== null) return true;
  const { attempt } = state;
  if (attempt?.phase === 'running' && attempt.step === 'promote') return false;
  const id = `${AUTOMATIC_PREFIX}${watched}`;
  state.queue.unshift({
    id,
    kind: 'rollback',
    commit: '',
    branch: '',
    reason: why,
    trigger: 'reconcile',
    caller: 'orchestrator',
    at,
    overtaken: 0,
  });
  if (attempt?.phase === 'running')
    abort(draft, attempt, { code: 'aborted', error: `The live release failed (${why}); the automatic rollback went first.` });
  advance(draft);
  return true;
}

// The life of instances

function instanceExited(draft: Draft, event: Extract<MachineEvent, { type: 'instance_exited' }>): Ignored {
  const { state } = draft;
  const { instance, exit } = event;
  const { attempt } = state;
  if (state.live?.instance === instance) {
    liveExited(draft, exit.description);
    return undefined;
  }
  if (attempt?.candidate === instance) return candidateExited(draft, attempt, event);
  if (state.restart?.instance === instance) return restartFailed(draft, instance, exit.description);
  if (state.standby?.instance === instance) {
    state.standby = null;
    return undefined;
  }
  if (!state.retiring.some((it) => it.instance === instance)) return `instance ${instance} is not known`;
  state.retiring = state.retiring.filter((it) => it.instance !== instance);
  if (attempt?.phase === 'running' && attempt.waiting_for.includes(instance)) {
    attempt.waiting_for = attempt.waiting_for.filter((it) => it !== instance);
    if (attempt.waiting_for.length === 0) runStep(draft, attempt);
  }
  return undefined;
}

function candidateExited(draft: Draft, attempt: Attempt, event: Extract<MachineEvent, { type: 'instance_exited' }>): Ignored {
  if (attempt.phase !== 'running') return `attempt ${attempt.id} is being undone`;
  if (attempt.step === 'promote') {
    attempt.candidate_exit = event.exit.description;
    return undefined;
  }
  if (attempt.reused) {
    attempt.candidate = null;
    bootInstead(draft, attempt);
    return undefined;
  }
  const evidence = { exit: event.exit, log_tail: event.log_tail, log_file: event.log_file };
  abort(draft, attempt, { code: 'boot_exited', error: `The app ${event.exit.description} before it was healthy.`, evidence });
  return undefined;
}

function liveExited(draft: Draft, why: string): void {
  const { state, at } = draft;
  if (!state.live) return;
  const servedFor = at - state.live.served_at;
  state.crashes = servedFor >= RESTART_FORGIVEN_AFTER_MS ? 0 : state.crashes;
  state.live.instance = null;
  const promoting = state.attempt?.phase === 'running' && state.attempt.step === 'promote';
  // While a switch is under way it decides the route; clearing it now could undo the switch.
  if (!promoting) draft.commands.push({ type: 'clear_route' });
  if (state.stopping !== 'no') return;
  const { watch } = state;
  state.watch = null;
  if (watch && rollBackByItself(draft, watch.attempt, `the live instance ${why}`)) return;
  scheduleRestart(draft, why);
}

function scheduleRestart(draft: Draft, why: string): void {
  const { state, at } = draft;
  if (!state.live) return;
  const delay = Math.min(RESTART_FIRST_DELAY_MS * 2 ** state.crashes, RESTART_MAX_DELAY_MS);
  state.crashes += 1;
  restartIn(draft, delay, why, at);
}

function restartIn(draft: Draft, delay: number, why: string, at: number): void {
  const { state } = draft;
  if (!state.live) return;
  const { slot, commit } = state.live;
  state.restart = { instance: nameInstance(state, state.live.attempt), count: state.crashes, at: at + delay, why };
  draft.commands.push({ type: 'restart', instance: state.restart.instance, slot, commit, delay_ms: delay });
}

function restartReady(draft: Draft, instance: string): Ignored {
  const { state } = draft;
  if (state.restart?.instance !== instance) return `instance ${instance} is not the restart under way`;
  if (state.attempt?.phase === 'running' && state.attempt.step === 'promote') {
    abandonRestart(draft, state.attempt.id);
    return undefined;
  }
  draft.commands.push({ type: 'switch_live', instance });
  return undefined;
}

function restartFailed(draft: Draft, instance: string, why: string): Ignored {
  const { state } = draft;
  if (state.restart?.instance !== instance) return `instance ${instance} is not the restart under way`;
  abandonRestart(draft, '');
  if (state.stopping === 'no') scheduleRestart(draft, why);
  return undefined;
}

function abandonRestart(draft: Draft, attempt: string): void {
  const { state } = draft;
  if (!state.restart || !state.live) return;
  const { instance } = state.restart;
  state.restart = null;
  stop(draft, instance, { commit: state.live.commit, slot: state.live.slot }, attempt);
}

function liveSwitched(draft: Draft, instance: string): Ignored {
  const { state, at } = draft;
  if (!state.live) return 'nothing is live';
  if (state.live.instance === instance) return undefined;
  if (state.restart?.instance !== instance) return `instance ${instance} is not the restart under way`;
  state.restart = null;
  state.live.instance = instance;
  state.live.served_at = at;
  return undefined;
}

// Start, recovery, stop

/** Brings the state of before to what is really there: finishes a promotion that took effect, undoes every other attempt. */
function started(draft: Draft, event: Extract<MachineEvent, { type: 'started' }>): Ignored {
  const { state, at } = draft;
  const alive = new Map(event.alive.map((it) => [it.instance, it]));
  state.policy = event.policy;
  state.stopping = 'no';
  const { attempt } = state;
  if (state.live && state.live.instance !== null && !alive.has(state.live.instance)) state.live.instance = null;
  if (state.standby && !alive.has(state.standby.instance)) state.standby = null;
  state.retiring = state.retiring.filter((it) => alive.has(it.instance));
  if (state.restart) {
    const { instance } = state.restart;
    if (alive.has(instance)) abandonRestart(draft, '');
    state.restart = null;
  }
  const known = new Set([state.live?.instance, state.standby?.instance, attempt?.candidate, ...state.retiring.map((it) => it.instance)]);
  for (const it of alive.values()) if (!known.has(it.instance)) stop(draft, it.instance, it, '');
  resumeInstances(draft);
  if (attempt) resumeAttempt(draft, attempt, event.route, alive.has(attempt.candidate ?? ''));
  resumeLive(draft, event.route);
  if (state.watch && (state.watch.until <= at || state.watch.instance !== state.live?.instance)) state.watch = null;
  if (state.watch && !draft.commands.some((it) => it.type === 'watch')) draft.commands.push({ type: 'watch', ...state.watch });
  advance(draft);
  return undefined;
}

function resumeInstances(draft: Draft): void {
  const { state, commands } = draft;
  const told = new Set(commands.filter((it) => it.type === 'stop').map((it) => it.instance));
  for (const it of state.retiring) {
    if (told.has(it.instance)) continue;
    commands.push({ type: it.phase === 'draining' ? 'drain' : 'stop', instance: it.instance, since: it.since });
  }
  if (state.standby) commands.push({ type: 'keep_standby', instance: state.standby.instance, until: state.standby.until });
}

function resumeAttempt(draft: Draft, attempt: Attempt, route: string | null, candidateRuns: boolean): void {
  if (attempt.phase === 'undoing') {
    draft.commands.push(undo(draft.state, attempt));
    return;
  }
  if (attempt.step === 'promote' && candidateRuns && route === attempt.candidate) {
    promoted(draft, attempt);
    return;
  }
  abort(draft, attempt, {
    code: 'interrupted',
    error: `The orchestrator ended during ${attempt.step}; nothing was promoted and the attempt was undone.`,
    evidence: { remedy: 'Ask for the deploy again.' },
  });
}

function resumeLive(draft: Draft, route: string | null): void {
  const { state, commands, at } = draft;
  if (!state.live) {
    if (route !== null) commands.push({ type: 'clear_route' });
    return;
  }
  if (state.live.instance === null) {
    commands.push({ type: 'clear_route' });
    if (!state.restart) restartIn(draft, 0, 'the orchestrator started and the live release was not running', at);
  } else if (route !== state.live.instance) {
    commands.push({ type: 'switch_live', instance: state.live.instance });
  }
}

function stopRequested(draft: Draft, detach: boolean): Ignored {
  const { state } = draft;
  if (state.stopping !== 'no') return 'already stopping';
  state.stopping = detach ? 'detach' : 'stop';
  state.watch = null;
  for (const it of state.queue) refuse(draft, it, shuttingDown());
  state.queue = [];
  const { attempt } = state;
  if (attempt?.phase === 'running' && attempt.step !== 'promote') abort(draft, attempt, shuttingDown());
  advance(draft);
  return undefined;
}

function stopped(draft: Draft, detach: boolean): Ignored {
  const { state } = draft;
  state.stopping = 'no';
  if (detach) return undefined;
  state.standby = null;
  state.retiring = [];
  state.restart = null;
  state.watch = null;
  state.crashes = 0;
  if (state.live) state.live.instance = null;
  return undefined;
}

// Small things

function refuse(draft: Draft, request: Request, failure: Failure): undefined {
  draft.commands.push(finish(request.id, { ok: false, step: null, failure }));
  return undefined;
}

const finish = (attempt: string, outcome: Outcome): Command => ({ type: 'finish', attempt, outcome });

const shuttingDown = (): Failure => ({
  code: 'shutting_down',
  error: 'The orchestrator is stopping.',
  evidence: { remedy: 'Ask again once it has been started.' },
});

function nameInstance(state: State, attempt: string): string {
  state.boots += 1;
  return `${attempt}-${state.boots}`;
}

const short = (commit: string): string => commit.slice(0, 10);

/** The attempts as people see them, projected from events and what the machine made of them. */
import { type AttemptView, type Failure, STEP_NAMES, type StepName, type StepView } from '@greenroom/sdk/wire';
import { calledBy } from './called-by.ts';
import type { Command } from './commands.ts';
import type { MachineEvent } from './events.ts';
import { planOf } from './plan.ts';
import type { Attempt, CalledBy, Request, State } from './state.ts';

/** Attempts kept in memory; older ones are in the journal only. */
export const HISTORY_LIMIT = 500;

/** Newest last. */
export type History = Map<string, AttemptView>;

/** Brings the history up to an event that the machine did not ignore. Changes the views in place; answers the attempts it touched. */
export function project(history: History, event: MachineEvent, before: State, after: State, commands: readonly Command[]): Set<string> {
  const touched = new Set<string>();
  const view = (id: string | undefined): AttemptView | undefined => {
    const found = id === undefined ? undefined : history.get(id);
    if (found) touched.add(found.id);
    return found;
  };
  const at = rfc3339(event.at);
  if ('request' in event) add(history, event.request, touched);
  for (const it of [...after.queue, ...(after.attempt ? [after.attempt] : [])]) if (!history.has(it.id)) add(history, it, touched);
  if (event.type === 'step_succeeded' || event.type === 'step_failed') recordStep(view(event.attempt), event);
  recordApproval(view, event, after);
  const decided = commands.filter((it) => it.type === 'finish');
  for (const it of decided) recordOutcome(view(it.attempt), it, event.at, before);
  if (after.attempt && after.attempt.id !== before.attempt?.id) begin(view(after.attempt.id), after.attempt, after, at);
  if (after.attempt && after.attempt.phase !== 'undoing') enterStep(view(after.attempt.id), after.attempt, at);
  recordAftermath(view, event, before, after);
  forgetOldest(history);
  return touched;
}

function add(history: History, request: Request, touched: Set<string>): void {
  touched.add(request.id);
  history.set(request.id, {
    id: request.id,
    kind: request.kind,
    status: 'queued',
    promoted: false,
    commit: request.commit,
    branch: request.branch,
    slot: '',
    previous_commit: '',
    trigger: request.trigger,
    ...calledBy(request),
    reason: request.reason,
    requested_at: rfc3339(request.at),
    started_at: '',
    finished_at: '',
    duration_ms: 0,
    steps: [],
    ...(request.origin ? { origin: request.origin } : {}),
    ...(request.traceparent ? { traceparent: request.traceparent } : {}),
  });
}

/** `state` is as the event left it: what waited begins with the event that ends the attempt before it, and finds live what that one promoted. */
function begin(view: AttemptView | undefined, attempt: Attempt, state: State, at: string): void {
  if (!view) return;
  const plan = planOf(attempt.kind, state);
  view.status = 'running';
  view.started_at = at;
  view.slot = attempt.slot;
  view.commit = attempt.resolved || view.commit;
  view.previous_commit = state.live?.commit ?? '';
  for (const step of [...attempt.steps, ...(plan?.aftermath ?? [])]) stepOf(view, step);
}

/** The view's step, added at its place in the order of steps when it is not there. */
function stepOf(view: AttemptView, step: StepName): StepView {
  const found = view.steps.find((it) => it.step === step);
  if (found) return found;
  const added: StepView = { step, status: 'pending', started_at: '', duration_ms: 0 };
  const order = STEP_NAMES.indexOf(step);
  const position = view.steps.findIndex((it) => STEP_NAMES.indexOf(it.step) > order);
  view.steps.splice(position === -1 ? view.steps.length : position, 0, added);
  return added;
}

function enterStep(view: AttemptView | undefined, attempt: Attempt, at: string): void {
  if (!view) return;
  view.commit = attempt.resolved || view.commit;
  view.branch = attempt.branch;
  const step = stepOf(view, attempt.step);
  if (step.status === 'running') return;
  step.status = 'running';
  step.started_at = at;
}

function recordStep(view: AttemptView | undefined, event: Extract<MachineEvent, { type: 'step_succeeded' | 'step_failed' }>): void {
  if (!view) return;
  const step = stepOf(view, event.step);
  step.duration_ms = event.ms;
  if (event.type === 'step_failed') {
    fail(step, event.failure);
    return;
  }
  step.status = 'succeeded';
  if (event.data.detail) step.detail = event.data.detail;
}

function fail(step: StepView, failure: Failure): void {
  step.status = 'failed';
  step.code = failure.code;
  step.error = failure.error;
  if (failure.evidence) step.evidence = failure.evidence;
}

function recordOutcome(view: AttemptView | undefined, command: Extract<Command, { type: 'finish' }>, at: number, before: State): void {
  if (!view) return;
  const { outcome } = command;
  view.finished_at = rfc3339(at);
  view.duration_ms = view.started_at ? at - Date.parse(view.started_at) : 0;
  if (outcome.ok) {
    view.status = 'succeeded';
    view.promoted = true;
    view.commit = outcome.commit;
    const promote = stepOf(view, 'promote');
    if (promote.status === 'running') promote.status = 'succeeded';
    return;
  }
  view.status = 'failed';
  view.commit = (before.attempt?.id === view.id ? before.attempt.resolved : '') || view.commit;
  view.code = outcome.failure.code;
  view.error = outcome.failure.error;
  if (outcome.failure.evidence) view.evidence = outcome.failure.evidence;
  if (outcome.step !== null) {
    view.step = outcome.step;
    const step = stepOf(view, outcome.step);
    if (step.status !== 'failed') fail(step, outcome.failure);
    if (step.duration_ms === 0 && step.started_at) step.duration_ms = at - Date.parse(step.started_at);
  }
  for (const step of view.steps) if (step.status === 'pending' || step.status === 'running') step.status = 'skipped';
}

/** The preview's path holds a secret, and is added where the view is shown. */
function recordApproval(view: Find, event: MachineEvent, { attempt }: State): void {
  if (attempt?.phase === 'waiting' && attempt.approval) {
    const found = view(attempt.id);
    if (!found || found.approval) return;
    const { since, until } = attempt.approval;
    found.approval = { state: 'waiting', since: rfc3339(since), until: rfc3339(until), preview_path: '', by: '', reason: '' };
    stepOf(found, 'promote').detail = `waits for approval until ${rfc3339(until)}`;
    return;
  }
  if (attempt?.approval) endApproval(view(attempt.id), event);
}

function endApproval(view: AttemptView | undefined, event: MachineEvent): void {
  if (view?.approval?.state !== 'waiting') return;
  const { approval } = view;
  const promote = stepOf(view, 'promote');
  delete promote.detail;
  if (event.type === 'approved') {
    Object.assign(approval, { state: 'approved', by: event.by, ...processOf(event) });
    // It is probed once more before that.
    Object.assign(promote, { status: 'pending', started_at: '' });
  } else if (event.type === 'denied') Object.assign(approval, { state: 'denied', by: event.by, reason: event.reason, ...processOf(event) });
  else approval.state = event.type === 'approval_expired' ? 'expired' : 'withdrawn';
}

const processOf = ({ called_by }: CalledBy): Pick<CalledBy, 'called_by'> => (called_by === undefined ? {} : { called_by });

type Find = (id: string | undefined) => AttemptView | undefined;

/** Retire, publish and watch go on after an attempt was decided. */
function recordAftermath(view: Find, event: MachineEvent, before: State, after: State): void {
  const at = rfc3339(event.at);
  if (after.live && after.live.attempt !== before.live?.attempt) beginAftermath(view(after.live.attempt), after, at);
  else if (before.attempt?.kind === 'restart' && before.attempt.id !== after.attempt?.id)
    beginAftermath(view(before.attempt.id), after, at);
  for (const it of before.retiring) {
    const changed = (event.type === 'drained' || event.type === 'instance_exited') && event.instance === it.instance;
    if (changed || !after.retiring.some((kept) => kept.instance === it.instance)) recordRetired(view, it.instance, event, before, after);
  }
  if (event.type === 'published') {
    const publish = view(event.attempt)?.steps.find((it) => it.step === 'publish');
    if (publish) end(publish, event.error ? 'failed' : 'succeeded', event.at, event.error);
    // What kept it from being published has passed.
    if (publish && !event.error) delete publish.detail;
  }
  for (const id of before.publishing) {
    if (after.publishing.includes(id) || event.type === 'published') continue;
    const publish = view(id)?.steps.find((it) => it.step === 'publish');
    if (publish?.status === 'running') end(publish, 'skipped', event.at, 'a newer release took its place');
  }
  if (before.watch && before.watch.attempt !== after.watch?.attempt) endWatch(view(before.watch.attempt), event, before, after);
  markRolledBack(view, before, after);
}

function beginAftermath(view: AttemptView | undefined, after: State, at: string): void {
  if (!view) return;
  const begun: Record<string, boolean> = {
    retire: after.retiring.some((it) => it.attempt === view.id && it.phase === 'draining'),
    publish: true,
    watch: after.watch?.attempt === view.id,
  };
  for (const step of view.steps) {
    if (step.status !== 'pending') continue;
    step.status = begun[step.step] ? 'running' : 'skipped';
    if (step.status === 'running') step.started_at = at;
  }
}

function recordRetired(view: Find, instance: string, event: MachineEvent, before: State, after: State): void {
  const was = before.retiring.find((it) => it.instance === instance);
  const is = after.retiring.find((it) => it.instance === instance);
  const step = view(was?.attempt)?.steps.find((it) => it.step === 'retire');
  if (!was || !step || step.status !== 'running') return;
  if (event.type === 'drained' && event.instance === instance) step.detail = drainDetail(event);
  if (is) return;
  const kept =
    after.standby?.instance === instance
      ? 'kept as standby'
      : after.attempt?.candidate === instance
        ? 'taken back by a rollback'
        : 'stopped';
  end(step, 'succeeded', event.at, [step.detail, kept].filter(Boolean).join(', '));
}

function drainDetail(event: Extract<MachineEvent, { type: 'drained' }>): string {
  const parts = [`drained in ${event.ms} ms`];
  if (event.closed_streams > 0) parts.push(`${event.closed_streams} stream(s) closed`);
  if (event.abandoned_requests > 0) parts.push(`${event.abandoned_requests} request(s) still in flight at the limit`);
  return parts.join(', ');
}

function endWatch(view: AttemptView | undefined, event: MachineEvent, before: State, after: State): void {
  const step = view?.steps.find((it) => it.step === 'watch');
  if (step?.status !== 'running') return;
  if (event.type === 'watch_elapsed') end(step, 'succeeded', event.at, 'held');
  else if (event.type === 'watch_failed') end(step, 'failed', event.at, event.failure.error);
  else if (before.live && before.live.attempt === after.live?.attempt && event.type === 'instance_exited') {
    end(step, 'failed', event.at, `the live instance ${event.exit.description}`);
  } else end(step, 'skipped', event.at, 'ended early');
}

/** The attempt whose release an automatic rollback has just replaced. */
function markRolledBack(view: Find, before: State, after: State): void {
  if (!after.live || !after.previous?.faulty || after.live.attempt === before.live?.attempt) return;
  const replaced = view(before.live?.attempt);
  if (!replaced) return;
  replaced.status = 'rolled_back';
  replaced.code = 'rolled_back';
  const watch = replaced.steps.find((it) => it.step === 'watch');
  replaced.error = `Rolled back automatically: ${watch?.detail ?? 'the release did not hold'}.`;
  if (watch) watch.code = 'rolled_back';
}

function end(step: StepView, status: StepView['status'], at: number, detail: string): void {
  step.status = status;
  if (step.started_at) step.duration_ms = at - Date.parse(step.started_at);
  if (detail) step.detail = detail;
}

function forgetOldest(history: History): void {
  for (const [id, view] of history) {
    if (history.size <= HISTORY_LIMIT) return;
    if (view.status !== 'queued' && view.status !== 'running') history.delete(id);
  }
}

const rfc3339 = (at: number): string => new Date(at).toISOString();

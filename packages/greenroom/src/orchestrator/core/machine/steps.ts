import type { Failure, StepName } from '@greenroom/sdk/wire';
import type { StepData } from '../events.ts';
import type { Attempt } from '../state.ts';
import { needsApproval, wait } from './await.ts';
import { type Draft, type Ignored, nameInstance, stop } from './draft.ts';
import { promoted } from './promote.ts';
import { abort } from './undo.ts';

export function whileRunning(draft: Draft, event: { attempt: string; step: StepName }, act: (attempt: Attempt) => void): Ignored {
  const { attempt } = draft.state;
  if (attempt?.id !== event.attempt) return `attempt ${event.attempt} is over`;
  if (attempt.phase === 'waiting') return `attempt ${event.attempt} waits for approval`;
  if (attempt.phase !== 'running') return `attempt ${event.attempt} is being undone`;
  if (attempt.step !== event.step) return `attempt ${event.attempt} is at step ${attempt.step}, not ${event.step}`;
  if (attempt.waiting_for.length > 0) return `attempt ${event.attempt} waits for its slot`;
  act(attempt);
  return undefined;
}

export function enter(draft: Draft, attempt: Attempt, step: StepName): void {
  attempt.step = step;
  if (step === 'prepare') attempt.waiting_for = vacate(draft, attempt);
  if (step === 'boot') attempt.candidate = nameInstance(draft.state, attempt.id);
  if (attempt.waiting_for.length === 0) runStep(draft, attempt);
}

export function runStep(draft: Draft, attempt: Attempt): void {
  if (attempt.step === 'prepare') {
    attempt.touched = true;
    draft.state.slots[attempt.slot] = { commit: '', ready: false };
  }
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

export function stepSucceeded(draft: Draft, attempt: Attempt, data: StepData): void {
  if (data.schema) attempt.schema = data.schema;
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
  if (next === 'promote' && needsApproval(draft.state, attempt)) wait(draft, attempt);
  else if (next) enter(draft, attempt, next);
}

export function stepFailed(draft: Draft, attempt: Attempt, failure: Failure): void {
  // What refuses the warm instance is the database: a fresh boot of the same code would be refused as well.
  const refused = attempt.reused && failure.code === 'schema_incompatible';
  if (attempt.reused && attempt.step === 'probe' && !refused) {
    bootInstead(draft, attempt);
    return;
  }
  if (refused) leaveWarm(draft, attempt);
  abort(draft, attempt, failure);
}

/** Nothing is wrong with the warm instance itself: it goes back to where the rollback took it from, for when it may. */
function leaveWarm({ state, commands, at }: Draft, attempt: Attempt): void {
  const { candidate: instance, slot, resolved: commit, id } = attempt;
  if (instance === null) return;
  attempt.candidate = null;
  state.retiring.push({ instance, slot, commit, attempt: id, phase: 'draining', keep: state.policy.standby_ms > 0, since: at });
  commands.push({ type: 'drain', instance, since: at });
}

/** The warm instance did not hold: its slot is still as it was, so a fresh boot of it can. */
export function bootInstead(draft: Draft, attempt: Attempt): void {
  // A probe of the warm instance may still be under way; it must not be taken for one of the fresh instance.
  draft.commands.push({ type: 'abort_step', attempt: attempt.id });
  if (attempt.candidate !== null) stop(draft, attempt.candidate, { commit: attempt.resolved, slot: attempt.slot }, attempt.id);
  attempt.reused = false;
  attempt.steps = ['boot', 'probe', 'promote'];
  enter(draft, attempt, 'boot');
}

import type { Failure } from '@greenroom/sdk/wire';
import type { Command } from '../commands.ts';
import type { Attempt, State } from '../state.ts';
import { type Draft, finish, type Ignored, refuse } from './draft.ts';
import { NOT_ITS_FAULT, noteFailed } from './governance.ts';
import { scheduleRestart } from './restart.ts';
import { restorable } from './rules.ts';

export function abort(draft: Draft, attempt: Attempt, failure: Failure): void {
  // However far the attempt had come: an app that ends before it is healthy has failed to boot.
  attempt.failure = { ...failure, step: failure.code === 'boot_exited' ? 'boot' : attempt.step };
  attempt.phase = 'undoing';
  attempt.waiting_for = [];
  draft.commands.push({ type: 'abort_step', attempt: attempt.id }, undo(draft.state, attempt));
}

export function undo(state: State, attempt: Attempt): Command {
  const { id, candidate, slot, touched } = attempt;
  return { type: 'undo', attempt: id, candidate, slot, touched, restore: restorable(state, attempt) };
}

export function undone(draft: Draft, event: { attempt: string; slot_ready: boolean }): Ignored {
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
  noteFailed(state, attempt, failure);
  draft.commands.push(finish(attempt.id, { ok: false, step, failure }));
  state.attempt = null;
  dropRollbacksAgainst(draft, attempt.id);
  if (state.live?.instance === null && !state.restart && state.stopping === 'no')
    scheduleRestart(draft, 'the live instance is not running');
  return undefined;
}

const countsAsFailure = ({ code }: Failure): boolean => !NOT_ITS_FAULT.includes(code);

/** What was to be undone did not happen: going back now would go one release too far. */
function dropRollbacksAgainst(draft: Draft, attempt: string): void {
  const { state } = draft;
  for (const it of state.queue.filter((queued) => queued.against === attempt)) {
    const error = `Deploy ${attempt}, which this rollback was meant to undo, was not promoted: what was live before is live still.`;
    refuse(draft, it, { code: 'aborted', error });
  }
  state.queue = state.queue.filter((queued) => queued.against !== attempt);
}

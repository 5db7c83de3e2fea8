import { type Followed, followAttempt } from '@greenroom/sdk/client';
import { type Accepted, type AttemptView, type DryRun, type Refusal, STEP_NAMES } from '@greenroom/sdk/wire';
import type { Call } from './answer.ts';
import type { ToolsContext } from './context.ts';

/** Steps until an attempt is decided. */
const DECIDING = STEP_NAMES.slice(0, STEP_NAMES.indexOf('promote') + 1);

/** Follows an attempt as long as a call may take, telling of each step. */
export async function followFor(
  { client, waitMs, approvalWaitMs, restartWaitMs }: ToolsContext,
  call: Call,
  submit: () => Promise<Accepted | DryRun | Refusal>,
): Promise<Followed> {
  const patience = new AbortController();
  const timers = [setTimeout(() => patience.abort(), waitMs)];
  const told = teller(call);
  const update = (attempt: AttemptView): void => {
    told(attempt);
    if (attempt.approval?.state === 'waiting' && timers.length === 1) timers.push(setTimeout(() => patience.abort(), approvalWaitMs));
  };
  try {
    const signal = AbortSignal.any([patience.signal, call.signal]);
    return await followAttempt(client, submit, { update, signal, giveUpAfterMs: restartWaitMs });
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Says each new state of the deciding steps once. */
function teller(call: Call): (attempt: AttemptView) => void {
  let last = -1;
  return (attempt) => {
    const steps = attempt.steps.filter((it) => DECIDING.includes(it.step));
    const done = steps.filter((it) => it.status === 'succeeded' || it.status === 'failed').length;
    const running = steps.find((it) => it.status === 'running');
    const waits = attempt.approval?.state === 'waiting';
    // Parts of a step for what is under way: progress has to grow with each word.
    const progress = done + (waits ? 0.75 : running ? 0.5 : 0);
    if (progress <= last) return;
    last = progress;
    const ended = steps[done - 1];
    const word = running ? `${running.step}…` : ended ? `${ended.step} ${ended.status}` : attempt.status;
    call.progress(progress, steps.length, waits ? 'waits for a person’s approval' : word);
  };
}

import type { AttemptKind, Failure, SlotName, StepName } from '@greenroom/sdk/wire';

/** How an attempt was decided. */
export type Outcome =
  | { ok: true; slot: SlotName; commit: string; previous_commit: string }
  | { ok: false; step: StepName | null; failure: Failure };

/** What is to be done next. The runner carries each out through the ports and answers with events. */
export type Command =
  /** Ends in `step_succeeded` or `step_failed` with the same attempt and step. */
  | {
      type: 'run_step';
      attempt: string;
      step: StepName;
      kind: AttemptKind;
      commit: string;
      branch: string;
      slot: SlotName;
      instance: string;
    }
  /** Shows the candidate to whoever may decide about it, until then. Ends in `approval_expired`, or in a decision of somebody. */
  | { type: 'await_approval'; attempt: string; instance: string; until: number }
  /** Makes the running step of the attempt end soon; its answer is stale then. */
  | { type: 'abort_step'; attempt: string }
  /** After the running step has ended: stops the candidate, puts the slot back. Ends in `undone`. */
  | { type: 'undo'; attempt: string; candidate: string | null; slot: SlotName; touched: boolean; restore: string }
  /** The attempt is decided: whoever waits for it is answered. */
  | { type: 'finish'; attempt: string; outcome: Outcome }
  /** Ends in `drained`. */
  | { type: 'drain'; instance: string; since: number }
  | { type: 'cancel_drain'; instance: string }
  /** Ends in `instance_exited`. */
  | { type: 'stop'; instance: string; since: number }
  /** Ends in `standby_expired`. */
  | { type: 'keep_standby'; instance: string; until: number }
  /** Boots the live release again after a delay, from a slot that is first made to hold its commit again. Ends in `restart_ready` or `restart_failed`. */
  | { type: 'restart'; instance: string; slot: SlotName; commit: string; delay_ms: number }
  /** Routes to a restarted or re-adopted live instance. Ends in `live_switched` or `restart_failed`. */
  | { type: 'switch_live'; instance: string }
  | { type: 'clear_route' }
  /** Records live and previous in the repository and tells the world. Ends in `published`. */
  | { type: 'publish'; attempt: string; live: string; previous: string }
  /** Ends in `watch_elapsed` or `watch_failed`. */
  | { type: 'watch'; attempt: string; instance: string; until: number }
  /** Nothing is under way any more: stop (or leave, with `detach`) the app and end. */
  | { type: 'shut_down'; detach: boolean };

import type { SlotName } from '@greenroom/sdk/wire';
import type { MachineEvent } from '../events.ts';
import { limitRemedy } from '../limit-remedy.ts';
import type { Attempt, State } from '../state.ts';
import { type Draft, type Ignored, stop } from './draft.ts';
import { liveExited } from './live.ts';
import { restartFailed } from './restart.ts';
import { bootInstead, runStep } from './steps.ts';
import { abort } from './undo.ts';

export function instanceExited(draft: Draft, event: Extract<MachineEvent, { type: 'instance_exited' }>): Ignored {
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

const STAY_IN_FOREGROUND =
  'Code 0 says that nothing went wrong: if start_command starts the server in the background (a daemon), have it stay in the foreground.';

function candidateExited(draft: Draft, attempt: Attempt, event: Extract<MachineEvent, { type: 'instance_exited' }>): Ignored {
  if (attempt.phase === 'undoing') return `attempt ${attempt.id} is being undone`;
  if (attempt.phase === 'running' && attempt.step === 'promote') {
    attempt.candidate_exit = event.exit.description;
    return undefined;
  }
  if (attempt.reused) {
    attempt.candidate = null;
    bootInstead(draft, attempt);
    return undefined;
  }
  const evidence = {
    exit: event.exit,
    log_tail: event.log_tail,
    log_file: event.log_file,
    ...(event.exit.code === 0 ? { remedy: STAY_IN_FOREGROUND } : {}),
    ...(event.exit.limit === undefined ? {} : { remedy: limitRemedy(event.exit.limit) }),
  };
  const when = attempt.phase === 'waiting' ? 'while it waited for approval' : 'before it was healthy';
  abort(draft, attempt, { code: 'boot_exited', error: `The app ${event.exit.description} ${when}.`, evidence });
  return undefined;
}

export function drained(draft: Draft, instance: string): Ignored {
  const { state, at } = draft;
  const retiring = state.retiring.find((it) => it.instance === instance);
  if (retiring?.phase !== 'draining') return `instance ${instance} is not draining`;
  const wanted =
    retiring.keep &&
    !state.standby &&
    state.stopping === 'no' &&
    state.previous?.commit === retiring.commit &&
    !isWanted(state, retiring.slot);
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

/** Whether an attempt is about to use the slot for something else. One that is being undone and has not touched it never will. */
function isWanted({ attempt }: State, slot: SlotName): boolean {
  return attempt?.slot === slot && (attempt.phase !== 'undoing' || attempt.touched);
}

export function standbyExpired(draft: Draft, instance: string): Ignored {
  const { standby } = draft.state;
  if (standby?.instance !== instance) return `instance ${instance} is not the standby`;
  draft.state.standby = null;
  stop(draft, instance, standby, '');
  return undefined;
}

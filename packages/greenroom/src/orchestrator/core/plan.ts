import type { AttemptKind, SlotName, StepName } from '@greenroom/sdk/wire';
import { otherSlot, type State } from './state.ts';

/** What an attempt would do on a given state, as data. */
export interface Plan {
  kind: AttemptKind;
  slot: SlotName;
  /** Empty for a deploy whose commit is not resolved yet. */
  commit: string;
  /** Exclusive steps, up to the promotion. */
  steps: StepName[];
  /** Steps after the promotion. */
  aftermath: StepName[];
  /** Instance that is used again instead of a fresh boot. */
  warm: string | null;
}

export const DEPLOY_STEPS: readonly StepName[] = ['resolve', 'gate', 'prepare', 'boot', 'probe', 'promote'];

export function planDeploy(state: State): Plan {
  return {
    kind: 'deploy',
    slot: state.live ? otherSlot(state.live.slot) : 'a',
    commit: '',
    steps: [...DEPLOY_STEPS],
    aftermath: ['retire', 'publish', 'watch'],
    warm: null,
  };
}

/** Null when nothing is live. Both slots stay as they are, so that the way back stays too. */
export function planRestart({ live }: State): Plan | null {
  if (!live) return null;
  const { slot, commit } = live;
  return { kind: 'restart', slot, commit, steps: ['boot', 'probe', 'promote'], aftermath: ['retire'], warm: null };
}

/** The plan of an attempt of this kind; null when it is not possible. */
export function planOf(kind: AttemptKind, state: State): Plan | null {
  if (kind === 'deploy') return planDeploy(state);
  return kind === 'rollback' ? planRollback(state) : planRestart(state);
}

/** Null when there is nothing to roll back to. The fewer steps, the warmer the previous release still is. */
export function planRollback(state: State): Plan | null {
  const { live, previous } = state;
  if (!live || !previous) return null;
  const warm = warmInstance(state);
  const slot = state.slots[previous.slot];
  const intact = slot.ready && slot.commit === previous.commit;
  const boot: StepName[] = intact ? ['boot', 'probe', 'promote'] : ['prepare', 'boot', 'probe', 'promote'];
  return {
    kind: 'rollback',
    slot: previous.slot,
    commit: previous.commit,
    steps: warm ? ['probe', 'promote'] : boot,
    aftermath: ['retire', 'publish'],
    warm,
  };
}

/** The previous release's instance, while it still runs and nobody has told it to end. */
function warmInstance({ previous, standby, retiring }: State): string | null {
  const isPrevious = (it: { commit: string; slot: SlotName }): boolean => it.commit === previous?.commit && it.slot === previous.slot;
  if (standby && isPrevious(standby)) return standby.instance;
  return retiring.find((it) => it.phase === 'draining' && !it.outdated && isPrevious(it))?.instance ?? null;
}

import type { Failure } from '@greenroom/sdk/wire';
import type { Attempt, Request, State } from '../state.ts';
import { short } from './draft.ts';

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

/** Why nothing can be restarted now; null when it can. */
export const restartImpossible = ({ live }: State): Failure | null =>
  live
    ? null
    : {
        code: 'nothing_live',
        error: 'No release is live, so there is none to restart.',
        evidence: { remedy: 'Make one live with: greenroom deploy' },
      };

export const AUTOMATIC_PREFIX = 'auto-';

export const isAutomatic = (request: Request): boolean => request.id.startsWith(AUTOMATIC_PREFIX);

/** What the slot of a failed attempt is put back to; empty when it held nothing worth it. */
export const restorable = ({ previous }: State, { slot }: Attempt): string => (previous?.slot === slot ? previous.commit : '');

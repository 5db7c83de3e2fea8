import type { Failure } from '@greenroom/sdk/wire';
import type { Command, Outcome } from '../commands.ts';
import type { Release, Request, Retiring, State } from '../state.ts';

/** A transition in the making: a private copy of the state, and what is to be done about the event. */
export interface Draft {
  state: State;
  commands: Command[];
  at: number;
}

/** Why an event changed nothing, or nothing when it did. */
export type Ignored = string | undefined;

export const finish = (attempt: string, outcome: Outcome): Command => ({ type: 'finish', attempt, outcome });

export function refuse(draft: Draft, request: Request, failure: Failure): undefined {
  draft.commands.push(finish(request.id, { ok: false, step: null, failure }));
  return undefined;
}

export const shuttingDown = (): Failure => ({
  code: 'shutting_down',
  error: 'The orchestrator is stopping.',
  evidence: { remedy: 'Ask again once it has been started.' },
});

export function stop(draft: Draft, instance: string, release: Release, attempt: string): void {
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

export function nameInstance(state: State, attempt: string): string {
  state.boots += 1;
  return `${attempt}-${state.boots}`;
}

export const short = (commit: string): string => commit.slice(0, 10);

import type { Failure, FailureCode } from '@greenroom/sdk/wire';
import { calledBy } from '../called-by.ts';
import type { MachineEvent } from '../events.ts';
import type { Attempt, Request, State } from '../state.ts';
import type { Draft, Ignored } from './draft.ts';

const HOUR_MS = 3_600_000;
/** Failed commits that are remembered for the reconcile loop. */
export const FAILED_COMMITS_KEPT = 50;

export function frozen({ state, at }: Draft, event: Extract<MachineEvent, { type: 'frozen' }>): Ignored {
  const { scope, reason } = event;
  state.freeze = { scope, reason, ...calledBy(event), at };
  return undefined;
}

export function thawed({ state }: Draft): Ignored {
  if (!state.freeze) return 'nothing is frozen';
  state.freeze = null;
  return undefined;
}

export function overrideGranted({ state, at }: Draft, event: Extract<MachineEvent, { type: 'override_granted' }>): Ignored {
  const { commit, code, fingerprint, reason } = event;
  const others = state.overrides.filter((it) => it.commit !== commit || it.code !== code || it.fingerprint !== fingerprint);
  state.overrides = [...others, { commit, code, fingerprint, reason, ...calledBy(event), at }];
  return undefined;
}

export function driftChanged({ state }: Draft, { drift }: Extract<MachineEvent, { type: 'drift_changed' }>): Ignored {
  if (JSON.stringify(drift) === JSON.stringify(state.drift)) return 'the drift is known';
  state.drift = drift;
  return undefined;
}

/** Why a deploy may not be begun now; null when it may. */
export function frozenFor({ freeze }: State, request: Request): Failure | null {
  if (!freeze || (freeze.scope === 'agent' && request.trigger !== 'agent')) return null;
  const what = request.trigger === 'agent' ? 'Deploys and rollbacks of the agent are' : 'Deploys are';
  return {
    code: 'frozen',
    error: `${what} frozen since ${new Date(freeze.at).toISOString()}: ${freeze.reason}`,
    evidence: { remedy: 'An operator lifts it with: greenroom thaw' },
  };
}

/** Why the agent may not ask for another deploy now; null when it may. Counts this one. */
export function rateLimited(state: State, request: Request, at: number): Failure | null {
  const limit = state.policy.agent_deploys_per_hour ?? 0;
  if (request.trigger !== 'agent' || limit === 0) return null;
  const recent = state.agent_deploys.filter((it) => it > at - HOUR_MS);
  if (recent.length < limit) {
    state.agent_deploys = [...recent, at];
    return null;
  }
  const next = new Date((recent[recent.length - limit] ?? at) + HOUR_MS).toISOString();
  return {
    code: 'rate_limited',
    error: `The agent has asked for ${recent.length} deploys within an hour; ${limit} are allowed (agent_deploys_per_hour).`,
    evidence: { remedy: `The next one may be asked for at ${next}.` },
  };
}

/** Ends of an attempt that say nothing about its commit. */
export const NOT_ITS_FAULT: readonly FailureCode[] = ['aborted', 'interrupted', 'shutting_down', 'frozen', 'superseded', 'not_approved'];

/** The loop does not try a commit again that failed of itself. */
export function noteFailed(state: State, attempt: Attempt, { code }: Failure): void {
  // It counts as a failed deploy all the same, so that somebody is told.
  const blameless = NOT_ITS_FAULT.includes(code) || code === 'secrets_unavailable';
  if (attempt.kind !== 'deploy' || attempt.resolved === '' || blameless) return;
  state.failed_commits = [...state.failed_commits.filter((it) => it !== attempt.resolved), attempt.resolved].slice(-FAILED_COMMITS_KEPT);
}

/** What reconcile has to know about a release that went live. A choice by hand stands against every head that was known then. */
export function notePromoted(state: State, attempt: Attempt): void {
  if (attempt.trigger === 'manual' && attempt.human_head) state.settled_head = attempt.human_head;
  state.failed_commits = state.failed_commits.filter((it) => it !== attempt.resolved);
  state.overrides = state.overrides.filter((it) => it.commit !== attempt.resolved);
}

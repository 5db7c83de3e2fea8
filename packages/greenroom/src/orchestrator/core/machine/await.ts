import type { Command } from '../commands.ts';
import type { Attempt, State } from '../state.ts';
import type { Draft } from './draft.ts';

/**
 * Whether a healthy candidate has to wait for a person. Over TCP anybody on the machine can ask, the agent too, so whatever comes that way waits
 * like the agent's own deploys.
 */
export function needsApproval({ policy }: State, { kind, trigger, caller, approval }: Attempt): boolean {
  if (!policy.approval_timeout_ms || kind !== 'deploy' || approval?.approved) return false;
  return trigger === 'agent' || caller === 'tcp';
}

export function wait(draft: Draft, attempt: Attempt): void {
  const { state, at, commands } = draft;
  attempt.step = 'promote';
  attempt.phase = 'waiting';
  attempt.approval = { since: at, until: at + (state.policy.approval_timeout_ms ?? 0), approved: false };
  commands.push(awaitApproval(attempt));
}

export function awaitApproval({ id, candidate, approval }: Attempt): Command {
  return { type: 'await_approval', attempt: id, instance: candidate ?? '', until: approval?.until ?? 0 };
}

import type { MachineEvent } from '../events.ts';
import type { Attempt } from '../state.ts';
import type { Draft, Ignored } from './draft.ts';
import { frozenFor } from './governance.ts';
import { enter } from './steps.ts';
import { abort } from './undo.ts';

type EventOf<T extends MachineEvent['type']> = Extract<MachineEvent, { type: T }>;

/** Goes on with another probe: while it waited the candidate may have stopped answering, or the database may have changed. */
export function approved(draft: Draft, event: EventOf<'approved'>): Ignored {
  return whileWaiting(draft, event.attempt, (attempt) => {
    if (attempt.approval) attempt.approval.approved = true;
    attempt.phase = 'running';
    enter(draft, attempt, 'probe');
  });
}

export function denied(draft: Draft, { attempt: id, by, reason }: EventOf<'denied'>): Ignored {
  return whileWaiting(draft, id, (attempt) => {
    const error = `${by} did not approve it${reason ? `: ${reason}` : '.'}`;
    abort(draft, attempt, { code: 'not_approved', error });
  });
}

export function approvalExpired(draft: Draft, event: EventOf<'approval_expired'>): Ignored {
  return whileWaiting(draft, event.attempt, (attempt) => {
    const { since, until } = attempt.approval ?? { since: draft.at, until: draft.at };
    abort(draft, attempt, {
      code: 'not_approved',
      error: `Nobody approved it within ${Math.round((until - since) / 1000)} s (agent.approval_timeout_ms).`,
      evidence: { remedy: 'Ask for the deploy again when somebody is there to approve it.' },
    });
  });
}

/**
 * Called after every event. Whoever asks for something does not wait for a person who may never come: the attempt that does gives way, and so
 * does one whose author has been stopped by a freeze.
 */
export function giveWay(draft: Draft): void {
  const { attempt, queue } = draft.state;
  if (attempt?.phase !== 'waiting') return;
  const frozen = frozenFor(draft.state, attempt);
  const [next] = queue;
  if (frozen) abort(draft, attempt, frozen);
  else if (next) {
    const error = `It waited for approval, and gave way to ${next.kind} ${next.id} by ${next.trigger}.`;
    // When it has only just come to this, nobody is to be asked.
    draft.commands = draft.commands.filter((it) => it.type !== 'await_approval');
    abort(draft, attempt, { code: 'superseded', error, evidence: { remedy: 'Ask for the deploy again if it is still wanted.' } });
  }
}

function whileWaiting(draft: Draft, id: string, act: (attempt: Attempt) => void): Ignored {
  const { attempt } = draft.state;
  if (attempt?.id !== id) return `attempt ${id} is over`;
  if (attempt.phase !== 'waiting') return `attempt ${id} does not wait for approval`;
  act(attempt);
  return undefined;
}

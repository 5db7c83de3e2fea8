import type { Followed } from '@greenroom/sdk/client';
import type { AttemptKind, AttemptView, Refusal } from '@greenroom/sdk/wire';
import { type Answer, paragraphs } from './answer.ts';
import { failureLines, short, stepLines } from './describe.ts';

/** What is said of an attempt that was followed: `tries` is the sentence on further ones when it failed. */
export async function describeFollowed(
  kind: AttemptKind,
  followed: Followed,
  tries: (attempt: AttemptView | Refusal) => Promise<string>,
): Promise<Answer> {
  switch (followed.kind) {
    case 'decided':
      return isFailed(followed.attempt) ? failed(followed.attempt, await tries(followed.attempt)) : live(followed.attempt);
    case 'answered':
      return refused(kind, followed.answer, await tries(followed.answer as Refusal));
    case 'left':
      return underWay(kind, followed.id, followed.attempt);
    case 'lost':
      return lost(kind, followed.id, followed.why);
  }
}

export const isFailed = (attempt: AttemptView): boolean => attempt.status === 'failed' || attempt.status === 'rolled_back';

function live(attempt: AttemptView): Answer {
  const { id, kind, slot, commit, previous_commit } = attempt;
  const before = previous_commit ? `Before it, ${short(previous_commit)} was live.` : 'Nothing was live before.';
  return {
    exit: 0,
    text: paragraphs(
      `Live: commit ${short(commit)} serves in slot ${slot}. ${before}`,
      `${kind} ${id}:`,
      stepLines(attempt.steps),
      kind === 'rollback' && rolledBack(previous_commit),
    ),
    data: { success: true, id, kind, slot, commit, previous_commit },
  };
}

function rolledBack(from: string): string {
  return `Your working copy still holds ${short(from)}. It is quarantined: repair or revert what was wrong in a new commit before you deploy again.`;
}

function failed(attempt: AttemptView, tries: string): Answer {
  const { id, kind, step, code, error, evidence, previous_commit } = attempt;
  const untouched = previous_commit
    ? `The live release is untouched: ${short(previous_commit)} goes on serving.`
    : 'Nothing was live before, and nothing is now.';
  const ended = attempt.promoted ? 'The release before it is live again.' : untouched;
  return {
    exit: 1,
    text: paragraphs(
      `The ${kind} of ${short(attempt.commit) || attempt.branch} did not succeed (${id}).`,
      failureLines(attempt),
      ended,
      tries,
    ),
    data: { success: false, id, kind, step, code, error, evidence },
  };
}

function refused(kind: string, answer: Exclude<Followed & { kind: 'answered' }, never>['answer'], tries: string): Answer {
  if (answer.success) return { exit: 0, text: `The ${kind} was only planned.`, data: answer };
  return { exit: 1, text: paragraphs(`The ${kind} was refused.`, failureLines(answer), tries), data: answer };
}

function underWay(kind: string, id: string, attempt: AttemptView | null): Answer {
  const data = { success: null, id, kind, status: attempt?.status ?? 'queued' };
  if (attempt?.approval?.state === 'waiting') {
    const until = attempt.approval.until;
    const text = paragraphs(
      `The ${kind} ${id} passed every check and waits for a person's approval (until ${until}); it is not live yet.`,
      'Do not wait for it and do not deploy again: end your turn with a summary of what you changed, so that the person can decide.',
    );
    return { exit: 0, text, data: { ...data, status: 'waiting_for_approval' } };
  }
  const at = attempt ? stepLines(attempt.steps) : [];
  const text = paragraphs(
    `The ${kind} ${id} is still under way; nothing is decided yet.`,
    at,
    `It goes on by itself. Ask for it again with deploy_log and this id, which waits for it; do not ask for another ${kind}.`,
  );
  return { exit: 0, text, data };
}

function lost(kind: string, id: string, why: 'unreachable' | 'unknown'): Answer {
  const said =
    why === 'unknown'
      ? `The orchestrator does not know attempt ${id} any more, so the ${kind} did not happen.`
      : `The orchestrator went away during ${kind} ${id} and has not come back yet. What is live goes on serving.`;
  const next =
    'Ask for the status; when it answers, deploy_log with this id says what became of it. If it stays away, report that to the person.';
  return { exit: 3, text: paragraphs(said, next), data: { success: null, id, kind, code: 'unreachable' } };
}

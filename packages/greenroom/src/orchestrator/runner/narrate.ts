import type { AttemptView } from '@greenroom/sdk/wire';
import type { State } from '../core/state.ts';
import type { Announcement } from '../runner.ts';

/** An event as sentences for the orchestrator's log; none for those that say nothing to a person. `state` is as the event left it. */
export function narrate({ type, subject, attempts }: Announcement, state: State): string[] {
  const sentences = attempts.flatMap((attempt) => {
    const sentence = attempt.id === subject ? tell(type, attempt) : attempt.status === 'rolled_back' ? (attempt.error ?? '') : '';
    return sentence ? [`${attempt.kind} ${attempt.id}: ${sentence}`] : [];
  });
  const living = tellLive(type, state);
  return living ? [...sentences, living] : sentences;
}

function tell(type: string, attempt: AttemptView): string {
  const { approval } = attempt;
  const succeeded = attempt.steps.filter((it) => it.status === 'succeeded').at(-1);
  switch (type) {
    case 'deploy_requested':
    case 'rollback_requested':
      return `requested by ${attempt.trigger} (${attempt.caller})${attempt.status === 'queued' ? ', waiting for its turn' : ''}`;
    case 'step_succeeded':
      if (attempt.status === 'succeeded') {
        return `${attempt.commit.slice(0, 10)} is live in slot ${attempt.slot} after ${attempt.duration_ms} ms`;
      }
      if (approval?.state === 'waiting') return `healthy, and waits for approval until ${approval.until}: greenroom approve ${attempt.id}`;
      return succeeded ? `${succeeded.step} done in ${succeeded.duration_ms} ms${succeeded.detail ? `: ${succeeded.detail}` : ''}` : '';
    case 'approved':
      return `approved by ${approval?.by}`;
    case 'undone':
      return `failed at ${attempt.step}: ${attempt.code}: ${attempt.error} The live release is untouched.`;
    default:
      return '';
  }
}

function tellLive(type: string, { live, restart }: State): string {
  if (restart && (type === 'instance_exited' || type === 'restart_failed')) {
    return `The live release is not running (${restart.why}); start ${restart.count} at ${new Date(restart.at).toISOString().slice(11, 19)}.`;
  }
  return type === 'live_switched' && live ? `The live release ${live.commit.slice(0, 10)} serves again.` : '';
}

import type { AttemptView } from '@greenroom/sdk/wire';
import type { Announcement } from '../runner.ts';

/** An event as sentences for the orchestrator's log; none for those that say nothing to a person. */
export function narrate({ type, attempts }: Announcement): string[] {
  return attempts.flatMap((attempt) => {
    const sentence = tell(type, attempt);
    return sentence ? [`${attempt.kind} ${attempt.id}: ${sentence}`] : [];
  });
}

function tell(type: string, attempt: AttemptView): string {
  const finished = attempt.steps.filter((it) => it.status === 'succeeded' || it.status === 'failed').at(-1);
  switch (type) {
    case 'deploy_requested':
    case 'rollback_requested':
      return `requested by ${attempt.trigger} (${attempt.caller})${attempt.status === 'queued' ? ', waiting for its turn' : ''}`;
    case 'step_succeeded':
      if (attempt.status === 'succeeded')
        return `${attempt.commit.slice(0, 10)} is live in slot ${attempt.slot} after ${attempt.duration_ms} ms`;
      return finished ? `${finished.step} done in ${finished.duration_ms} ms${finished.detail ? `: ${finished.detail}` : ''}` : '';
    case 'step_failed':
      return finished?.status === 'failed' ? `${finished.step} failed: ${finished.code}: ${finished.error}` : '';
    case 'undone':
      return attempt.status === 'failed' ? 'undone; the live release is untouched' : '';
    case 'drained':
    case 'instance_exited':
      return attempt.status === 'rolled_back' ? (attempt.error ?? '') : '';
    default:
      return '';
  }
}

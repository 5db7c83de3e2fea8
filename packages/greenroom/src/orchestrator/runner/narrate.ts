import type { AttemptView, StepView } from '@greenroom/sdk/wire';
import { callerText } from '../core/called-by.ts';
import type { State } from '../core/state.ts';
import type { LogAbout } from '../ports.ts';
import type { Announcement } from '../runner.ts';

/** A sentence of the orchestrator's log, and what it is about. */
export interface Told {
  message: string;
  about: LogAbout;
}

/** An event as sentences for the orchestrator's log; none for those that say nothing to a person. `state` is as the event left it. */
export function narrate({ type, subject, attempts }: Announcement, state: State): Told[] {
  const told = attempts.flatMap((attempt) => {
    const { message, ...about } = tell(type, attempt, attempt.id === subject, state);
    return message
      ? [{ message: `${attempt.kind} ${attempt.id}: ${message}`, about: { event: type, ...aboutAttempt(attempt), ...about } }]
      : [];
  });
  const living = tellLive(type, state);
  return living ? [...told, { message: living.message, about: { event: type, ...living.about } }] : told;
}

type Telling = LogAbout & { message: string };
const NOTHING: Telling = { message: '' };

function tell(type: string, attempt: AttemptView, isSubject: boolean, state: State): Telling {
  if (isSubject) return tellSubject(type, attempt, state);
  if (attempt.status !== 'rolled_back') return NOTHING;
  return { message: attempt.error ?? '', level: 'error', step: 'watch', ...codeOf(attempt) };
}

function tellSubject(type: string, attempt: AttemptView, state: State): Telling {
  const { approval, status, commit, slot, duration_ms } = attempt;
  switch (type) {
    case 'deploy_requested':
    case 'rollback_requested':
      return { message: `requested by ${attempt.trigger} (${callerText(attempt)})${status === 'queued' ? ', waiting for its turn' : ''}` };
    case 'step_succeeded': {
      const step = attempt.steps.filter((it) => it.status === 'succeeded').at(-1);
      const instance = instanceOf(attempt, state);
      if (status === 'succeeded') {
        return {
          message: `${commit.slice(0, 10)} is live in slot ${slot} after ${duration_ms} ms`,
          step: 'promote',
          duration_ms,
          ...instance,
        };
      }
      if (approval?.state === 'waiting') {
        return { message: `healthy, and waits for approval until ${approval.until}: greenroom approve ${attempt.id}`, ...instance };
      }
      return step ? { ...tellStep(step), ...instance } : NOTHING;
    }
    case 'approved':
      return { message: `approved by ${approval?.by}` };
    case 'undone': {
      const { step, code, error } = attempt;
      const message = `failed at ${step}: ${code}: ${error} The live release is untouched.`;
      return { message, level: 'error', duration_ms, ...(step ? { step } : {}), ...codeOf(attempt) };
    }
    default:
      return NOTHING;
  }
}

function tellStep({ step, duration_ms, detail }: StepView): Telling {
  return { message: `${step} done in ${duration_ms} ms${detail ? `: ${detail}` : ''}`, step, duration_ms };
}

function tellLive(type: string, { live, restart }: State): Told | null {
  const about = live ? { commit: live.commit, slot: live.slot } : {};
  if (restart && (type === 'instance_exited' || type === 'restart_failed')) {
    const at = new Date(restart.at).toISOString().slice(11, 19);
    const message = `The live release is not running (${restart.why}); start ${restart.count} at ${at}.`;
    return { message, about: { level: 'error', ...about, instance: restart.instance } };
  }
  if (type !== 'live_switched' || !live) return null;
  const instance = live.instance === null ? {} : { instance: live.instance };
  return { message: `The live release ${live.commit.slice(0, 10)} serves again.`, about: { ...about, ...instance } };
}

function aboutAttempt({ id, kind, trigger, commit, slot }: AttemptView): LogAbout {
  // Until it is resolved the commit is what somebody typed.
  const full = /^[0-9a-f]{40,64}$/.test(commit) ? { commit } : {};
  return { attempt: id, kind, trigger, ...full, ...(slot ? { slot } : {}) };
}

/** The attempt's own instance: its candidate, which is live once it was promoted. */
function instanceOf({ id }: AttemptView, { attempt, live }: State): Pick<LogAbout, 'instance'> {
  const instance = attempt?.id === id ? attempt.candidate : live?.attempt === id ? live.instance : null;
  return instance ? { instance } : {};
}

const codeOf = ({ code }: AttemptView): Pick<LogAbout, 'code'> => (code ? { code } : {});

import type { AttemptView, StepView } from '@greenroom/sdk/wire';
import { duration } from '../format.ts';
import { type Paint, plain } from '../terminal.ts';

const NAME_WIDTH = 8;

/** `✓ prepare   10 files changed, setup unchanged  84 ms` */
export function stepLine(step: StepView, paint: Paint): string {
  const time = step.duration_ms > 0 ? paint('dim', duration(step.duration_ms)) : '';
  const said = plain(step.detail ?? '');
  const name = step.step.padEnd(NAME_WIDTH);
  switch (step.status) {
    case 'succeeded':
      return joined(`${paint('green', '✓')} ${name}`, said, time);
    case 'failed':
      return joined(`${paint('red', '✗')} ${name}`, plain(step.code ?? said), time);
    case 'skipped':
      return joined(`${paint('dim', '–')} ${name}`, said || 'skipped', '');
    default:
      return joined(`${paint('dim', '·')} ${name}`, said || step.status, '');
  }
}

/** The step that is at work, and what to say of an attempt that is not. */
export function currentWork(attempt: AttemptView): { text: string; since: string } {
  if (attempt.status === 'queued') return { text: 'queued, waiting for the attempt before it', since: attempt.requested_at };
  const step = attempt.steps.find((candidate) => candidate.status === 'running');
  if (!step) return { text: 'working', since: attempt.started_at };
  return { text: joined(step.step.padEnd(NAME_WIDTH), plain(step.detail ?? ''), ''), since: step.started_at };
}

export function isFinal(step: StepView): boolean {
  return step.status === 'succeeded' || step.status === 'failed' || step.status === 'skipped';
}

function joined(...parts: string[]): string {
  return parts.filter((part) => part.trim() !== '').join('  ');
}

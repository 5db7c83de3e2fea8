import type { AttemptView, Evidence, Refusal, StepView } from '@greenroom/sdk/wire';
import { plain, plainLines } from '../../plain.ts';
import { quoted } from './answer.ts';

export const short = (commit: string): string => plain(commit).slice(0, 10);

/** `2611…-3f9a deploy 1a2b3c4d5e failed at gate: gate_secret, 2026-…, "reason"` */
export function attemptLine(attempt: AttemptView): string {
  const why = attempt.code ? ` at ${attempt.step ?? 'its start'}: ${attempt.code}` : '';
  const waits = attempt.approval?.state === 'waiting' ? ' (waits for a person)' : '';
  const of = short(attempt.commit) || plain(attempt.branch);
  const reason = attempt.reason === '' ? '' : `, "${plain(attempt.reason)}"`;
  return `${plain(attempt.id)}  ${attempt.kind} of ${of} by ${attempt.trigger}, ${attempt.status}${waits}${why}, ${attempt.requested_at}${reason}`;
}

/** `gate ✗ gate_secret (12 ms)`; steps that were not reached are left out. */
export function stepLines(steps: readonly StepView[]): string[] {
  return steps.filter((step) => step.status !== 'pending' && (step.status !== 'skipped' || step.detail)).map(stepLine);
}

function stepLine(step: StepView): string {
  const said = plain(step.code ?? step.detail ?? '');
  const took = step.duration_ms > 0 ? ` (${Math.round(step.duration_ms)} ms)` : '';
  return `  ${step.step} ${step.status}${said ? `: ${said}` : ''}${took}`;
}

/** What was refused or failed, why, and everything that helps to repair it. */
export function failureLines(failure: Pick<Refusal, 'step' | 'evidence'> & { code?: string; error?: string }): string[] {
  return [
    `step: ${failure.step ?? 'none, it was refused before the first'}`,
    `code: ${plain(failure.code ?? 'unknown')}`,
    `error: ${plainLines(failure.error ?? '').join(' ')}`,
    ...evidenceLines(failure.evidence ?? {}),
  ];
}

function evidenceLines(evidence: Evidence): string[] {
  const { request, exit, remedy } = evidence;
  const lines: string[] = [];
  if (evidence.rule) lines.push(`rule: ${plain(evidence.rule)}`);
  if (evidence.file) lines.push(`place: ${plain(evidence.file)}${evidence.line ? `:${evidence.line}` : ''}`);
  if (evidence.commit) lines.push(`in commit: ${short(evidence.commit)}`);
  if (evidence.command) lines.push(`command: ${plain(evidence.command)}`);
  if (request) {
    const got = request.status === undefined ? (request.error ?? 'no answer') : `status ${request.status}`;
    lines.push(
      `request: ${plain(`${request.method} ${request.url}`)}`,
      `expected: ${plain(request.expected)}`,
      `got: ${plain(got)}`,
      ...(request.body ? quoted('body of the answer', [request.body]) : []),
    );
  }
  if (exit) lines.push(`process: ${plain(exit.description)}`);
  if (evidence.log_tail?.length) lines.push(...quoted('last output of the process', evidence.log_tail));
  if (remedy) lines.push(`what to do: ${plain(remedy)}`);
  return lines;
}

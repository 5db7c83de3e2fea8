import type { AttemptView, DryRun, Evidence, Refusal, Status } from '@greenroom/sdk/wire';
import { type Cli, EXIT, type Exit } from '../context.ts';
import { duration, shortCommit } from '../format.ts';
import { json, plain, plainLines } from '../terminal.ts';

/** Last words on an attempt that was decided: commit, slot and time, or step, code, reason and evidence. */
export function tellAttempt(cli: Cli, attempt: AttemptView, asJson: boolean): Exit {
  const failed = attempt.status === 'failed' || attempt.status === 'rolled_back';
  if (asJson) {
    cli.say(json({ type: 'result', ...(failed ? refusalOf(attempt) : successOf(attempt)) }));
    return failed ? EXIT.failed : EXIT.ok;
  }
  if (failed) {
    tellRefusal(cli, attempt.kind, refusalOf(attempt));
    if (!attempt.promoted) cli.warn(`  ${untouched(attempt)}`);
    return EXIT.failed;
  }
  const was = attempt.previous_commit ? cli.paint('dim', `  (was ${shortCommit(attempt.previous_commit)})`) : '';
  const where = attempt.slot ? ` in slot ${attempt.slot}` : '';
  const time = duration(attempt.duration_ms || Math.max(0, Date.now() - Date.parse(attempt.started_at)) || 0);
  cli.say(
    `${cli.paint(['green', 'bold'], '✓ live')}      ${cli.paint('bold', shortCommit(plain(attempt.commit)))}${where} after ${time}${was}`,
  );
  return EXIT.ok;
}

/** What is live, but not reached: the proxy that leads to it has ended, for example. */
export function tellUnreached(cli: Cli, status: Pick<Status, 'drift'> | null): void {
  for (const { name, detail } of status?.drift ?? [])
    if (name === 'live_mismatch') cli.warn(`${cli.paintError('yellow', '!')} Visitors may not reach it. ${plain(detail)}`);
}

/** A request that was refused before it became an attempt, or an attempt that failed. Step, code, reason and evidence on standard error. */
export function tellRefusal(cli: Cli, kind: string, refusal: Refusal): void {
  const at = refusal.step ? ` at ${refusal.step}` : '';
  cli.warn(`${cli.paintError(['red', 'bold'], `✗ ${kind} failed${at}: ${plain(refusal.code)}`)}`);
  for (const line of plainLines(refusal.error)) cli.warn(`  ${line}`);
  for (const line of evidenceLines(refusal.evidence ?? {})) cli.warn(`  ${line}`);
  if (refusal.id) cli.warn(cli.paintError('dim', `  all of it: greenroom log ${plain(refusal.id)}`));
}

/** The steps that would run. */
export function tellDryRun(cli: Cli, plan: DryRun): void {
  cli.say(`${plan.kind} of ${shortCommit(plain(plan.commit))} into slot ${plan.slot} would run (nothing was changed):`);
  for (const { step, detail } of plan.steps) cli.say(`  ${step.padEnd(8)}  ${plain(detail)}`.trimEnd());
}

/** Evidence for people, most useful last. */
export function evidenceLines(evidence: Evidence): string[] {
  const lines: string[] = [];
  const { request, exit } = evidence;
  if (evidence.rule) lines.push(`rule      ${plain(evidence.rule)}`);
  if (evidence.file) lines.push(`place     ${plain(evidence.file)}${evidence.line ? `:${evidence.line}` : ''}`);
  if (evidence.command) lines.push(`command   ${plain(evidence.command)}`);
  if (request) {
    const got = request.status === undefined ? (request.error ?? 'no answer') : String(request.status);
    lines.push(`request   ${plain(`${request.method} ${request.url}`)}`, `expected  ${plain(request.expected)}`, `got       ${plain(got)}`);
    if (request.body) lines.push(...plainLines(request.body).map((line) => `  | ${line}`));
  }
  if (exit) lines.push(`process   ${plain(exit.description)}`);
  if (evidence.log_tail?.length) lines.push('last output', ...evidence.log_tail.flatMap(plainLines).map((line) => `  | ${line}`));
  if (evidence.log_file) lines.push(`full log  ${plain(evidence.log_file)}`);
  if (evidence.remedy) lines.push(`what to do: ${plain(evidence.remedy)}`);
  return lines;
}

function untouched(attempt: AttemptView): string {
  if (!attempt.previous_commit) return 'Nothing was live before, and nothing is now.';
  return `The live release is untouched: ${shortCommit(plain(attempt.previous_commit))}.`;
}

function successOf({ id, slot, commit, previous_commit, duration_ms }: AttemptView): object {
  return { success: true, id, slot, commit, previous_commit, duration_ms };
}

function refusalOf(attempt: AttemptView): Refusal {
  return {
    success: false,
    id: attempt.id,
    ...(attempt.step ? { step: attempt.step } : {}),
    code: attempt.code ?? 'internal_error',
    error: attempt.error ?? `The ${attempt.kind} ended as ${attempt.status}.`,
    ...(attempt.evidence ? { evidence: attempt.evidence } : {}),
  };
}

import type { AttemptView } from '@greenroom/sdk/wire';
import { codeSpan } from './text.ts';

/** More would not be read. */
const ROWS = 50;
const REASON_CHARACTERS = 120;

/** The pull request's text: what was deployed from its branch, newest first. Safe for a public repository: no output, no paths, no mentions. */
export function deploysSummary(app: string, attempts: readonly AttemptView[]): string {
  const shown = attempts.slice(0, ROWS);
  const lines = [
    `Deploys of ${codeSpan(app)} that this branch went through:`,
    '',
    '| time (UTC) | commit | outcome | reason |',
    '|---|---|---|---|',
    ...shown.map(row),
  ];
  if (attempts.length > shown.length) lines.push('', `And ${attempts.length - shown.length} earlier ones.`);
  if (shown.length === 0) return `Nothing of this branch was deployed by ${codeSpan(app)} yet.`;
  return lines.join('\n');
}

function row(attempt: AttemptView): string {
  const time = (attempt.finished_at || attempt.requested_at).replace('T', ' ').slice(0, 16);
  const outcome =
    attempt.status === 'succeeded' ? 'live' : attempt.status === 'failed' ? `refused, ${attempt.code ?? 'failed'}` : attempt.status;
  const verb = attempt.kind === 'rollback' ? 'rollback, ' : '';
  return `| ${time} | ${attempt.commit.slice(0, 10)} | ${verb}${outcome.replaceAll('_', ' ')} | ${codeSpan(attempt.reason.slice(0, REASON_CHARACTERS))} |`;
}

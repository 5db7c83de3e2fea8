import type { AttemptView } from '@greenroom/sdk/wire';
import type { Mask } from '../../core/mask.ts';
import { codeSpan } from './text.ts';

/** More would not be read. */
const ROWS = 50;
const REASON_CHARACTERS = 120;

/**
 * The pull request's text: what was deployed from its branch, newest first. Safe for a public repository: no output, no paths, no mentions, and no secrets in
 * the reasons, which are whatever the agent wrote.
 */
export function deploysSummary(app: string, attempts: readonly AttemptView[], mask: Mask): string {
  const shown = attempts.slice(0, ROWS);
  const lines = [
    `Deploys of ${codeSpan(app)} that this branch went through:`,
    '',
    '| time (UTC) | commit | outcome | reason |',
    '|---|---|---|---|',
    ...shown.map((attempt) => row(attempt, mask)),
  ];
  if (attempts.length > shown.length) lines.push('', `And ${attempts.length - shown.length} earlier ones.`);
  if (shown.length === 0) return `Nothing of this branch was deployed by ${codeSpan(app)} yet.`;
  return lines.join('\n');
}

function row(attempt: AttemptView, mask: Mask): string {
  const time = (attempt.finished_at || attempt.requested_at).replace('T', ' ').slice(0, 16);
  const outcome =
    attempt.status === 'succeeded' ? 'live' : attempt.status === 'failed' ? `refused, ${attempt.code ?? 'failed'}` : attempt.status;
  // Masked before it is cut: what is left of a secret would not be known as one.
  const reason = mask(attempt.reason).slice(0, REASON_CHARACTERS);
  const verb = attempt.kind === 'rollback' ? 'rollback, ' : '';
  return `| ${time} | ${attempt.commit.slice(0, 10)} | ${verb}${outcome.replaceAll('_', ' ')} | ${codeSpan(reason)} |`;
}

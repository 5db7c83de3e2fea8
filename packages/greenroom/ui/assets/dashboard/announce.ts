/** What a screen reader is told of an app: once for each thing that matters, never for a step. */
import type { DashboardApp } from '@greenroom/sdk/dashboard';
import type { AttemptView } from '@greenroom/sdk/wire';
import { inertLine, shortCommit } from '../text.ts';
import { wordOf } from './words.ts';

export function announcementOf(before: DashboardApp | undefined, now: DashboardApp): string {
  if (!before || before.reach === 'asking') return '';
  const said: string[] = [];
  const known = new Map(attemptsOf(before).map((attempt) => [attempt.id, stateOf(attempt)]));
  for (const attempt of attemptsOf(now).reverse()) {
    const state = stateOf(attempt);
    const is = known.get(attempt.id) === state ? '' : sentenceOf(attempt, state);
    if (is) said.push(is);
  }
  if (wordOf(before).word !== wordOf(now).word) said.push(`It is ${wordOf(now).word.toLowerCase()}.`);
  return said.length === 0 ? '' : `${now.name}: ${said.join(' ')}`;
}

function attemptsOf({ status }: DashboardApp): AttemptView[] {
  const running = status?.attempt ? [status.attempt] : [];
  return [...running, ...(status?.deploys ?? []).filter((attempt) => attempt.id !== status?.attempt?.id)];
}

function stateOf(attempt: AttemptView): string {
  return attempt.status === 'running' && attempt.approval?.state === 'waiting' ? 'waiting' : attempt.status;
}

function sentenceOf(attempt: AttemptView, state: string): string {
  const what = `The ${attempt.kind} of ${attempt.commit ? shortCommit(attempt.commit) : inertLine(attempt.branch)}`;
  if (state === 'running') return `${what} has begun.`;
  if (state === 'waiting') return `${what} waits for approval.`;
  if (state === 'succeeded') return `${what} is live.`;
  if (state === 'rolled_back') return `${what} was rolled back.`;
  return state === 'failed' ? `${what} failed. ${inertLine(attempt.error ?? '')}` : '';
}

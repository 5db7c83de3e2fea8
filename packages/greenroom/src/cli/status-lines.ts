import type { AttemptView, Status } from '@greenroom/sdk/wire';
import { ago, duration, shortCommit, table } from './format.ts';
import { type Paint, plain } from './terminal.ts';

const SHOWN_DEPLOYS = 5;

/** What `greenroom status` shows. `now` in milliseconds since the epoch. */
export function statusLines(status: Status, paint: Paint, now: number): string[] {
  const facts: [string, string][] = [
    ['live', release(status.live_commit, status.live_slot, status.last_deploy_time, now)],
    ['previous', release(status.previous_commit, status.previous_slot, '', now)],
    ['healthy', health(status, paint)],
    ['port', String(status.port)],
  ];
  if (status.attempt) facts.push(['now', atWork(status.attempt)]);
  if (status.watch) facts.push(['watch', `until ${status.watch.until}; a crash until then rolls back by itself`]);
  for (const item of status.queue)
    facts.push(['queued', `${item.kind} of ${shortCommit(plain(item.commit)) || plain(item.branch)} by ${item.trigger}`]);
  if (status.quarantine.length > 0) facts.push(['quarantine', status.quarantine.map((commit) => shortCommit(plain(commit))).join(', ')]);
  if (status.consecutive_failures > 0) facts.push(['failures', `${status.consecutive_failures} in a row`]);
  if (!status.journal.intact) facts.push(['journal', paint('red', `damaged: ${plain(status.journal.problem)}`)]);
  const width = Math.max(...facts.map(([name]) => name.length));
  const head = `${paint('bold', plain(status.app))}  ${paint('dim', `greenroom ${plain(status.version)}`)}`;
  const lines = [head, ...facts.map(([name, value]) => `  ${paint('dim', name.padEnd(width))}  ${value}`)];
  if (status.deploys.length > 0)
    lines.push('', ...attemptLines(status.deploys.slice(0, SHOWN_DEPLOYS), paint, now).map((line) => `  ${line}`));
  return lines;
}

/** One line per attempt: mark, id, kind, commit, trigger, when, how long, and why not. */
export function attemptLines(attempts: readonly AttemptView[], paint: Paint, now: number): string[] {
  const rows = table(attempts.map((attempt) => attemptRow(attempt, now)));
  return attempts.map((attempt, index) => `${mark(attempt, paint)} ${rows[index] ?? ''}`);
}

function attemptRow(attempt: AttemptView, now: number): string[] {
  const why = attempt.code ? `${attempt.step ? `${attempt.step}: ` : ''}${attempt.code}` : attempt.reason;
  return [
    attempt.id,
    attempt.kind,
    shortCommit(attempt.commit) || attempt.branch || '-',
    attempt.status,
    attempt.trigger,
    ago(attempt.finished_at || attempt.started_at || attempt.requested_at, now),
    attempt.duration_ms > 0 ? duration(attempt.duration_ms) : '',
    why,
  ].map(plain);
}

function mark(attempt: AttemptView, paint: Paint): string {
  if (attempt.status === 'succeeded') return paint('green', '✓');
  if (attempt.status === 'failed') return paint('red', '✗');
  if (attempt.status === 'rolled_back') return paint('yellow', '↩');
  return paint('cyan', '·');
}

function release(commit: string, slot: string, since: string, now: number): string {
  if (!commit) return 'nothing';
  const when = ago(since, now);
  return `${shortCommit(plain(commit))} in slot ${plain(slot)}${when ? `, ${when}` : ''}`;
}

function health(status: Status, paint: Paint): string {
  if (status.healthy) return paint('green', 'yes');
  if (!status.live_commit) return 'nothing is live; deploy with: greenroom deploy';
  const { restart } = status;
  const why = restart ? `; restart ${restart.attempt} at ${restart.at}, the instance ${plain(restart.last_exit)}` : '';
  return paint('red', `no${why}`);
}

function atWork(attempt: AttemptView): string {
  const step = attempt.steps.find((candidate) => candidate.status === 'running');
  return `${attempt.kind} ${plain(attempt.id)} of ${shortCommit(plain(attempt.commit)) || plain(attempt.branch)}, ${step ? step.step : attempt.status}`;
}

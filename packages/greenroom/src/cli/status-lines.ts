import type { AttemptView, ChecksView, Status } from '@greenroom/sdk/wire';
import type { PidFile } from '../registry/running.ts';
import { driftRows } from './drift-rows.ts';
import { ago, duration, shortCommit, table } from './format.ts';
import { schemaLines } from './schema-lines.ts';
import { type Paint, plain } from './terminal.ts';
import { waitingLines } from './waiting.ts';

const SHOWN_DEPLOYS = 5;

/** What `greenroom status` shows. `now` in milliseconds since the epoch; `running` names the orchestrator's process, when it can be seen. */
export function statusLines(status: Status, paint: Paint, now: number, running?: PidFile): string[] {
  const facts: [string, string][] = [
    ['live', release(status.live_commit, status.live_slot, status.last_deploy_time, now)],
    ['previous', release(status.previous_commit, status.previous_slot, '', now)],
    ['healthy', health(status, paint)],
    ['port', String(status.port)],
  ];
  if (running) facts.push(['process', `${running.pid}, ${apiLine(running, status)}`]);
  if (status.attempt) facts.push(['now', atWork(status.attempt)]);
  if (status.attempt) for (const line of waitingLines(status.attempt, status)) facts.push(['approval', paint('yellow', line)]);
  if (status.agent.busy) facts.push(['agent', 'at work']);
  if (status.schema) for (const { line, tone } of schemaLines(status.schema)) facts.push(['schema', tone ? paint(tone, line) : line]);
  if (status.watch) facts.push(['watch', `until ${status.watch.until}; a crash until then rolls back by itself`]);
  for (const item of status.queue)
    facts.push(['queued', `${item.kind} of ${shortCommit(plain(item.commit)) || plain(item.branch)} by ${item.trigger}`]);
  if (status.quarantine.length > 0) facts.push(['quarantine', status.quarantine.map((commit) => shortCommit(plain(commit))).join(', ')]);
  if (status.consecutive_failures > 0) facts.push(['failures', `${status.consecutive_failures} in a row`]);
  const { freeze, checks } = status;
  if (freeze) {
    const whose = freeze.scope === 'all' ? 'all deploys' : "the agent's deploys";
    facts.push(['frozen', paint('yellow', `${whose}, ${ago(freeze.since, now)}: ${plain(freeze.reason)}`)]);
  }
  for (const it of status.overrides) {
    const what = it.fingerprint ? `${it.code} for ${plain(it.fingerprint)}` : it.code;
    facts.push(['override', `${shortCommit(plain(it.commit))} may pass ${what}, ${ago(it.since, now)}: ${plain(it.reason)}`]);
  }
  if (checks) facts.push(['checks', checksLine(checks, paint, now)]);
  if (status.github_problem) facts.push(['github', paint('yellow', plain(status.github_problem))]);
  for (const line of driftRows(status.drift)) facts.push(['drift', paint('yellow', line)]);
  if (!status.journal.intact) facts.push(['journal', paint('red', `damaged: ${plain(status.journal.problem)}`)]);
  const width = Math.max(...facts.map(([name]) => name.length));
  const head = `${paint('bold', plain(status.app))}  ${paint('dim', `greenroom ${plain(status.version)}`)}`;
  const lines = [head, ...facts.map(([name, value]) => `  ${paint('dim', name.padEnd(width))}  ${value}`)];
  if (status.deploys.length > 0)
    lines.push('', ...attemptLines(status.deploys.slice(0, SHOWN_DEPLOYS), paint, now).map((line) => `  ${line}`));
  return lines;
}

function apiLine({ api_port: port }: PidFile, { api_access: access }: Status): string {
  return port === 0 ? 'API on its sockets only' : `API on 127.0.0.1:${port}${access === 'read' ? ' for questions only' : ''}`;
}

function checksLine({ commit, state, total, failed, url, read_at }: ChecksView, paint: Paint, now: number): string {
  const of = `of ${shortCommit(plain(commit))}`;
  const when = paint('dim', `, asked ${ago(read_at, now)}`);
  if (state === 'none') return `none ${of}${when}`;
  if (state === 'pending') return `${paint('cyan', `running, ${total} in all`)}, ${of}${when}`;
  if (state === 'success') return `${paint('green', `${total} passed`)}, ${of}${when}`;
  const names = `${failed.length} of ${total} failed: ${failed.map(plain).join(', ')}`;
  return `${paint('red', names)}, ${of}${when}${url ? `  ${plain(url)}` : ''}`;
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
    askedBy(attempt),
    ago(attempt.finished_at || attempt.started_at || attempt.requested_at, now),
    attempt.duration_ms > 0 ? duration(attempt.duration_ms) : '',
    why,
  ].map(plain);
}

function askedBy({ trigger, called_by: by }: AttemptView): string {
  return by ? `${trigger}, ${by.user || `user ${by.uid}`}` : trigger;
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

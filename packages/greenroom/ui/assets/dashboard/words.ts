/** Figures and states in words. */
import type { DashboardApp, DashboardLoad, ReleaseLoad } from '@greenroom/sdk/dashboard';
import type { AttemptView, RouterKind, Status } from '@greenroom/sdk/wire';
import { clock, inertLine, plural, shortCommit } from '../text.ts';

export type Tone = 'good' | 'bad' | 'wait' | 'busy' | 'done';

const ENDED: Record<DashboardApp['ended'], string> = {
  '': 'Not answering',
  never_started: 'Never started',
  stopped: 'Stopped',
  detached: 'Running alone',
  crashed: 'Crashed',
  stale: 'Gone',
};

/** How an app is, in a word or two. */
export function wordOf({ reach, ended, status }: DashboardApp): { word: string; tone: Tone } {
  if (reach === 'asking') return { word: 'Looking', tone: 'done' };
  if (reach === 'away') return { word: ENDED[ended], tone: ended === 'stopped' || ended === 'never_started' ? 'done' : 'bad' };
  if (!status?.live_commit) return { word: 'Nothing live', tone: 'wait' };
  return status.healthy ? { word: 'Healthy', tone: 'good' } : { word: 'Unhealthy', tone: 'bad' };
}

const COUNTED_ELSEWHERE: Record<RouterKind, string> = {
  embedded: '',
  caddy:
    'Caddy serves this app. It counts requests by its servers, not by app and release, so there is no chart here; its own figures are at /metrics of its admin address.',
  nginx:
    'nginx serves this app. It counts connections of all its sites together, so there is no chart here; its access log has each request.',
};

/** Why there are no charts of the app's traffic, and where to look instead; empty when there are. */
export function whyUncounted({ status }: Pick<DashboardApp, 'status'>): string {
  return status ? (COUNTED_ELSEWHERE[status.router] ?? '') : '';
}

/** What asked for an attempt, and whose process that was where the kernel could be asked. */
export function askedBy({ trigger, called_by: by }: Pick<AttemptView, 'trigger' | 'called_by'>): string {
  return by ? `${trigger}, ${by.user || `user ${by.uid}`}` : trigger;
}

/** What needs a person's eye, as sentences. */
export function attentionOf(app: DashboardApp): { tone: 'bad' | 'wait'; text: string }[] {
  const { status, reach, ended } = app;
  const found: { tone: 'bad' | 'wait'; text: string }[] = [];
  if (reach === 'away' && ended === 'detached')
    found.push({ tone: 'wait', text: 'The app runs on without its orchestrator: start that again with "greenroom start".' });
  else if (reach === 'away' && ended === 'crashed')
    found.push({
      tone: 'bad',
      text: 'Its orchestrator ended without a word. The app itself may serve on; "greenroom start" takes it over again.',
    });
  else if (reach === 'away' && ended === 'stale')
    found.push({
      tone: 'bad',
      text: `There is nothing left to start: ${inertLine(app.note)}. Take it off the list with "greenroom apps forget ${app.name}".`,
    });
  else if (reach === 'away' && ended === 'stopped' && app.note) found.push({ tone: 'bad', text: `It ${inertLine(app.note)}` });
  else if (reach === 'away' && app.problem) found.push({ tone: 'wait', text: app.problem });
  if (!status || reach === 'away') return found;
  const { freeze, restart, journal, consecutive_failures: failures } = status;
  const { attempt } = status;
  if (attempt?.approval?.state === 'waiting')
    found.push({ tone: 'wait', text: `The deploy of ${shortCommit(attempt.commit)} waits for approval.` });
  if (restart) found.push({ tone: 'bad', text: `The live instance ${restart.last_exit}; restart ${restart.attempt} ${at(restart.at)}.` });
  if (!journal.intact) found.push({ tone: 'bad', text: `The journal is damaged: ${journal.problem}.` });
  if (failures > 1) found.push({ tone: 'bad', text: `The last ${failures} deploys failed.` });
  if (status.checks?.state === 'failure')
    found.push({ tone: 'bad', text: `Checks of ${shortCommit(status.checks.commit)} failed: ${status.checks.failed.join(', ')}.` });
  for (const drift of status.drift) found.push({ tone: 'wait', text: drift.detail });
  if (freeze)
    found.push({
      tone: 'wait',
      text: `${freeze.scope === 'all' ? 'All deploys are' : 'Deploys of the agent are'} frozen since ${clock(freeze.since)}: ${freeze.reason}`,
    });
  if (status.github_problem) found.push({ tone: 'wait', text: status.github_problem });
  if (status.quarantine.length > 0)
    found.push({ tone: 'wait', text: `Not deployed again by themselves: ${status.quarantine.map(shortCommit).join(', ')}.` });
  return found.map(({ tone, text }) => ({ tone, text: inertLine(text) }));
}

export function liveLine(status: Status | null): string {
  if (!status?.live_commit) return 'No release is live';
  return `${shortCommit(status.live_commit)} in slot ${status.live_slot}`;
}

export const loadOf = (load: DashboardLoad | undefined, role: ReleaseLoad['role']): ReleaseLoad | undefined =>
  load?.releases.find((release) => release.role === role);

/** `12.3`, `1,240`; whole numbers from ten on. */
export function rate(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

export function milliseconds(value: number): string {
  return value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${rate(value)} ms`;
}

export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function share(part: number, whole: number): string {
  return whole === 0
    ? '0%'
    : `${((part / whole) * 100).toLocaleString('en', { maximumFractionDigits: part > 0 && part / whole < 0.01 ? 2 : 1 })}%`;
}

export const count = plural;

function at(time: string): string {
  return clock(time) ? `at ${clock(time)}` : '';
}

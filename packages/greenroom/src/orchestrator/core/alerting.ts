/** Which alerts an event gives rise to. What the reconciliation finds is drift, and has alerts of its own. */
import type { AttemptView, DriftName, Evidence } from '@greenroom/sdk/wire';
import type { Alert } from './alert.ts';
import { AUTOMATIC_PREFIX } from './machine/rules.ts';
import type { Drift, State } from './state.ts';

export interface AlertPolicy {
  /** Failed deploys in a row from which on they are an alert. */
  alert_after_failures: number;
}

/** An event that the machine did not ignore, with the attempts it changed as they are after it. */
export interface AlertCause {
  type: string;
  /** The attempt that the event names; empty when it names none. */
  subject: string;
  attempts: readonly AttemptView[];
}

/** Exits in a row from which on a live release that does not hold is called a crash loop. */
export const CRASH_LOOP_EXITS = 3;

export const LOG_LINES_IN_ALERT = 15;

/**
 * The alerts of one event, in the order they should be read. Resolved ones are also there for trouble that no alert was sent about: whoever
 * sends them knows what is open.
 */
export function alertsFor(cause: AlertCause, before: State, after: State, policy: AlertPolicy): Alert[] {
  return [
    ...rollbacks(cause, before, after),
    ...healthTimeouts(cause),
    ...failuresInARow(cause, before, after, policy),
    ...liveRelease(cause, before, after),
    ...publishing(cause),
  ];
}

/** The journal's verdict at the start of the orchestrator; an empty problem means that it is intact. */
export function journalAlert(problem: string): Alert {
  const about = { key: 'journal_damaged', kind: 'journal_damaged', severity: 'critical' } as const;
  if (problem === '') return { ...about, title: 'The journal is intact again', detail: '', resolved: true };
  return {
    ...about,
    title: 'The journal is damaged',
    detail: `${problem}\nNothing of what is live depends on it. "greenroom log --verify" lists every problem.`,
  };
}

/** What reconciling found that no event tells, and what it finds no longer. */
export function driftAlerts(before: readonly Drift[], after: readonly Drift[]): Alert[] {
  const found = after.flatMap((it) => {
    const about = DRIFT_ALERTS[it.name];
    return about ? [{ key: `drift:${it.name}`, ...about, detail: it.detail }] : [];
  });
  const over = before.flatMap((it) => {
    const about = after.some((other) => other.name === it.name) ? undefined : DRIFT_ALERTS[it.name];
    return about ? [{ key: `drift:${it.name}`, ...about, title: `${about.title}: over`, detail: '', resolved: true }] : [];
  });
  return [...found, ...over];
}

/** Drift that has an alert. The rest is told by events (failing deploys, a live release that is down), or is the loop's daily work. */
const DRIFT_ALERTS: Partial<Record<DriftName, Pick<Alert, 'kind' | 'severity' | 'title'>>> = {
  agent_diverged: { kind: 'branch_divergence', severity: 'warning', title: "The agent's branch is far from the human one" },
  live_unhealthy: { kind: 'health_timeout', severity: 'critical', title: 'The live release does not answer its health endpoint' },
  live_mismatch: { kind: 'live_down', severity: 'critical', title: 'What runs is not what should be live' },
  slot_changed: { kind: 'tampering', severity: 'warning', title: 'Files of a release were changed outside of a deploy' },
  schema_moved: { kind: 'schema', severity: 'warning', title: "The database's schema has moved since the last deploy" },
  schema_incompatible: { kind: 'schema', severity: 'critical', title: 'The live release may not work with the database' },
  disk_pressure: { kind: 'disk_pressure', severity: 'critical', title: 'The disk is nearly full' },
};

function rollbacks({ attempts, type }: AlertCause, before: State, after: State): Alert[] {
  const replaced = attempts.find((it) => it.status === 'rolled_back' && it.id === before.live?.attempt);
  if (replaced && after.live && after.live.attempt !== before.live?.attempt) {
    return [
      {
        key: `rolled_back:${replaced.id}`,
        kind: 'rolled_back',
        severity: 'critical',
        title: `Rolled back automatically from ${short(replaced.commit)} to ${short(after.live.commit)}`,
        detail: lines(
          replaced.error,
          described(replaced),
          `${short(replaced.commit)} is quarantined: it is deployed again only when somebody asks for it.`,
        ),
      },
    ];
  }
  const failed = attempts.find((it) => it.id.startsWith(AUTOMATIC_PREFIX) && failedNow(it, type));
  if (!failed) return [];
  return [
    {
      key: `rollback_failed:${failed.id}`,
      kind: 'rollback_failed',
      severity: 'critical',
      title: 'The automatic rollback failed',
      detail: lines(why(failed), 'The release that does not hold is still live: deploy one that works.', ...evidence(failed.evidence)),
    },
  ];
}

function healthTimeouts({ attempts, type }: AlertCause): Alert[] {
  return attempts
    .filter((it) => it.code === 'health_timeout' && failedNow(it, type))
    .map((it) => ({
      key: `health_timeout:${it.commit}`,
      kind: 'health_timeout',
      severity: 'warning',
      title: `${short(it.commit)} did not become healthy in time`,
      detail: lines(why(it), described(it), 'The live release is untouched.', ...evidence(it.evidence)),
    }));
}

function failuresInARow({ attempts }: AlertCause, before: State, after: State, { alert_after_failures: first }: AlertPolicy): Alert[] {
  const about = { key: 'deploys_failing', kind: 'deploys_failing' } as const;
  const count = after.consecutive_failures;
  if (count > before.consecutive_failures && worthTelling(count, first)) {
    const last = attempts.find((it) => it.status === 'failed');
    const title = count === 1 ? 'A deploy has failed' : `${count} deploys in a row have failed`;
    const next = '"greenroom log" shows all of them. The live release is untouched.';
    const detail = last ? lines(`The last one, ${why(last)}`, described(last), next, ...evidence(last.evidence)) : next;
    return [{ ...about, severity: 'critical', title, detail }];
  }
  if (count === 0 && before.consecutive_failures >= first) {
    const commit = after.live ? `${short(after.live.commit)} is live.` : '';
    return [{ ...about, severity: 'info', title: 'Deploys succeed again', detail: commit, resolved: true }];
  }
  return [];
}

/** At the limit, then each time the number has doubled: a loop that goes on failing is neither silent nor a flood. */
function worthTelling(count: number, first: number): boolean {
  return count >= first && Number.isInteger(Math.log2(count / first));
}

function liveRelease({ type }: AlertCause, before: State, after: State): Alert[] {
  const about = { key: 'live_down', kind: 'live_down' } as const;
  if (serves(after) && !serves(before)) {
    const detail = after.live ? `${short(after.live.commit)} in slot ${after.live.slot}.` : '';
    return [{ ...about, severity: 'info', title: 'The live release serves again', detail, resolved: true }];
  }
  const { restart, live } = after;
  // A start that boots the live release again is not trouble yet; when that boot fails, it is.
  if (!live || !restart || restart.instance === before.restart?.instance || !['instance_exited', 'restart_failed', 'undone'].includes(type))
    return [];
  const looping = restart.count >= CRASH_LOOP_EXITS;
  return [
    {
      ...about,
      severity: looping ? 'critical' : 'warning',
      title: looping ? `The live release ${short(live.commit)} keeps ending` : `The live release ${short(live.commit)} is not running`,
      detail: lines(
        `Why: ${restart.why}.`,
        `It is started again (attempt ${restart.count}). Until it serves, visitors get 503.`,
        '"greenroom rollback" goes back to the previous release; "greenroom logs" shows its output.',
      ),
    },
  ];
}

function publishing({ type, subject, attempts }: AlertCause): Alert[] {
  if (type !== 'published') return [];
  const about = { key: 'publish_failed', kind: 'publish_failed' } as const;
  const attempt = attempts.find((it) => it.id === subject);
  const step = attempt?.steps.find((it) => it.step === 'publish');
  if (step?.status === 'succeeded') {
    return [{ ...about, severity: 'info', title: 'Releases are published again', detail: '', resolved: true }];
  }
  if (!attempt || step?.status !== 'failed') return [];
  const detail = lines(step.error ?? step.detail, `${short(attempt.commit)} is live all the same; publishing it is tried again.`);
  return [{ ...about, severity: 'warning', title: 'A live release could not be published', detail }];
}

const serves = ({ live }: State): boolean => live !== null && live.instance !== null;

/** Whether this event is the one that ended the attempt without success, for a reason of its own. */
const failedNow = ({ status, code = 'aborted' }: AttemptView, type: string): boolean =>
  type === 'undone' && status === 'failed' && !['aborted', 'interrupted', 'shutting_down', 'superseded'].includes(code);

const short = (commit: string): string => commit.slice(0, 10);

function why(attempt: AttemptView): string {
  return `${attempt.kind} ${attempt.id}, failed${attempt.step ? ` at ${attempt.step}` : ''} (${attempt.code ?? 'unknown'}): ${attempt.error ?? ''}`;
}

function described({ trigger, branch, reason }: AttemptView): string {
  return `Asked for by ${trigger}${branch ? `, branch ${branch}` : ''}${reason ? `: ${reason}` : ''}`;
}

function evidence(found: Evidence | undefined): string[] {
  const tail = found?.log_tail?.slice(-LOG_LINES_IN_ALERT) ?? [];
  return [found?.remedy ?? '', tail.length > 0 ? `\nLast output:\n${tail.join('\n')}` : ''];
}

function lines(...parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join('\n');
}

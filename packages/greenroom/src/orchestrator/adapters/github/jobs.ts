import type { AttemptView, FailureCode, StepView } from '@greenroom/sdk/wire';
import { z } from 'zod';
import type { NewJob } from '../outbox.ts';

export const deploymentJob = z.object({
  attempt: z.string(),
  commit: z.string(),
  state: z.enum(['in_progress', 'success', 'failure']),
  description: z.string(),
});

export const statusJob = z.object({
  attempt: z.string(),
  commit: z.string(),
  state: z.enum(['failure', 'success']),
  description: z.string(),
});

export const pullRequestJob = z.object({ head: z.string(), base: z.string(), title: z.string(), summary: z.string() });

export const JOB_KINDS = { deployment: 'github.deployment', status: 'github.status', pullRequest: 'github.pull_request' } as const;

/**
 * What a repository is told about a refusal. A commit status may be public, so these are fixed sentences: the failure's own one can hold paths of this
 * machine and output of the app. Null: says nothing about the commit.
 */
const REFUSALS: Record<FailureCode, string | null> = {
  commit_not_found: null,
  gate_secret: 'Refused: it contains a secret.',
  gate_protected_path: 'Refused: it changes a protected path.',
  gate_diff_lines: 'Refused: it changes more lines than allowed.',
  gate_deploy_size: 'Refused: it is larger than allowed.',
  gate_stale_base: 'Refused: it lacks work that is already live or on the human branch.',
  gate_migration: 'Refused: it changes a migration that has landed, or takes its number.',
  gate_destructive_migration: 'Refused: a new migration would hurt the release before it.',
  slot_failed: 'Failed: it could not be checked out.',
  setup_failed: 'Failed: its setup command failed.',
  secrets_unavailable: null,
  boot_exited: 'Failed: it exited while it started.',
  health_timeout: 'Failed: it did not become healthy in time.',
  deep_check_failed: 'Failed: it did not answer the deep check as it should.',
  smoke_failed: 'Failed: its smoke test failed.',
  schema_incompatible: "Failed: it does not work with the database's schema.",
  not_approved: null,
  promote_failed: null,
  rolled_back: 'Rolled back: it failed soon after it went live.',
  superseded: null,
  aborted: null,
  interrupted: null,
  no_previous_release: null,
  nothing_live: null,
  frozen: null,
  rate_limited: null,
  shutting_down: null,
};

/**
 * Everything that GitHub should know about an attempt as it stands. To be called whenever the attempt changes, and again after a restart: the jobs'
 * ids make it the same job each time, and its place in the order is that of the first call.
 */
export function jobsOf(attempt: AttemptView): NewJob[] {
  // A restart changes nothing of what is deployed.
  if (attempt.commit === '' || attempt.kind === 'restart') return [];
  const jobs: NewJob[] = [];
  const { id, commit, kind, promoted, status } = attempt;
  const what = `${kind === 'rollback' ? 'Rollback to' : 'Deploy of'} ${commit.slice(0, 10)}`;
  const undecided = attempt.approval !== undefined && attempt.approval.state !== 'approved';
  // What a person has not let pass was not going anywhere.
  const begun = !undecided && hasBegun(attempt.steps.find((it) => it.step === 'promote'));
  if (promoted || begun) deployment('in_progress', `${what} begun by ${attempt.trigger}`);
  if (promoted) {
    deployment('success', `${what} is live in slot ${attempt.slot}`);
    if (status !== 'rolled_back') commitStatus('success', 'It is live.');
  } else if (status === 'failed' && begun) {
    deployment('failure', `${what} could not be promoted`);
  }
  if (status === 'rolled_back') deployment('failure', `${what} was rolled back: it failed soon after it went live`);
  const refusal = status === 'rolled_back' ? REFUSALS.rolled_back : status === 'failed' && attempt.code ? REFUSALS[attempt.code] : null;
  if (refusal && kind === 'deploy') commitStatus('failure', refusal);
  return jobs;

  function deployment(state: z.output<typeof deploymentJob>['state'], description: string): void {
    const payload = { attempt: id, commit, state, description };
    // One key: GitHub shows the newest deployment of an environment, so their order is what matters.
    jobs.push({ id: `deployment:${id}:${state}`, kind: JOB_KINDS.deployment, key: 'deployments', payload });
  }

  function commitStatus(state: z.output<typeof statusJob>['state'], description: string): void {
    jobs.push({
      id: `status:${id}:${state}`,
      kind: JOB_KINDS.status,
      key: `status:${commit}`,
      payload: { attempt: id, commit, state, description },
    });
  }
}

function hasBegun(step: StepView | undefined): boolean {
  return step !== undefined && step.status !== 'pending' && step.status !== 'skipped';
}

import type { AttemptView } from '@greenroom/sdk/wire';
import type { z } from 'zod';
import type { Delivery, JobHandler, NewJob, Payload } from '../outbox.ts';
import { type CheckSummary, readChecks } from './checks.ts';
import { createClient } from './client.ts';
import { updateCommitStatus } from './commit-status.ts';
import { updateDeployment } from './deployments.ts';
import { deploymentJob, JOB_KINDS, jobsOf, pullRequestJob, statusJob } from './jobs.ts';
import { type Answer, deliveryOf } from './problem.ts';
import {
  findMergedPullRequest,
  type MergedPullRequest,
  type PullRequestOutcome,
  type PullRequestUpdate,
  updatePullRequest,
} from './pull-requests.ts';
import type { GitHubSettings } from './settings.ts';

/** What GitHub wants as the user name beside a token. */
const GIT_USERNAME = 'x-access-token';

export interface GitHubOptions {
  settings: GitHubSettings;
  app: string;
  version: string;
  log(message: string): void;
  timeoutMs?: number;
  /** Off in tests: writes are then not spaced out. */
  paced?: boolean;
  now?(): number;
}

/**
 * GitHub as the orchestrator uses it: a place to report to, off the swap path, and to ask. Nothing here throws for GitHub's troubles, and
 * nothing that a deploy waits for may call it.
 */
export interface GitHub {
  /** `owner/name`. */
  repository: string;
  /** For the outbox: what delivers the jobs below. */
  handlers: Record<string, JobHandler>;
  /** What to enqueue for an attempt whenever it changes; see `jobsOf`. */
  jobsFor(attempt: AttemptView): NewJob[];
  /** The pull request as a job, for when it is kept up to date by itself. `occasion` tells two updates apart. */
  pullRequestJob(update: PullRequestUpdate, occasion: string): NewJob;
  /** Opens or updates the pull request at once, for a command. */
  openPullRequest(update: PullRequestUpdate, signal?: AbortSignal): Promise<Answer<PullRequestOutcome>>;
  /** What the project's CI says about a commit. */
  checks(commit: string, signal?: AbortSignal): Promise<Answer<CheckSummary>>;
  /** The merged pull request that this commit was the head of; null when there is none. */
  mergedPullRequest(headSha: string, signal?: AbortSignal): Promise<Answer<MergedPullRequest | null>>;
  /** For fetch and push over https, asked anew each time; undefined when the remote is not on this GitHub, or there is no token now. */
  gitCredentials(): Promise<{ username: string; token: string } | undefined>;
  /** What is wrong with GitHub or our access to it, as a sentence; empty when the last call worked. */
  problem(): string;
}

export function createGitHub(options: GitHubOptions): GitHub {
  const { settings, app, version } = options;
  const client = createClient({ ...options, userAgent: `greenroom/${version}` });
  return {
    repository: `${settings.repository.owner}/${settings.repository.name}`,
    handlers: {
      [JOB_KINDS.deployment]: handler(deploymentJob, (update, signal) => updateDeployment(client, settings, app, update, signal)),
      [JOB_KINDS.status]: handler(statusJob, (update, signal) => updateCommitStatus(client, settings, app, update, signal)),
      [JOB_KINDS.pullRequest]: handler(pullRequestJob, (update, signal) => updatePullRequest(client, settings, update, signal)),
    },
    jobsFor: jobsOf,
    pullRequestJob: ({ head, base, title, summary }, occasion) => ({
      id: `pull-request:${occasion}`,
      kind: JOB_KINDS.pullRequest,
      key: 'pull-request',
      payload: { head, base, title, summary },
    }),
    openPullRequest: (update, signal) => updatePullRequest(client, settings, update, signal),
    checks: (commit, signal) => readChecks(client, settings, app, commit, signal),
    mergedPullRequest: (headSha, signal) => findMergedPullRequest(client, settings, headSha, signal),
    async gitCredentials() {
      const token = settings.ownsRemote ? await client.token() : undefined;
      return token?.ok ? { username: GIT_USERNAME, token: token.value } : undefined;
    },
    problem: client.problem,
  };
}

function handler<T>(schema: z.ZodType<T>, work: (update: T, signal: AbortSignal) => Promise<Answer<unknown>>): JobHandler {
  return async (payload: Payload, signal): Promise<Delivery> => {
    const parsed = schema.safeParse(payload);
    if (!parsed.success) return { outcome: 'refused', error: `the job is not one of this version's: ${parsed.error.message}` };
    const answer = await work(parsed.data, signal);
    return answer.ok ? { outcome: 'done' } : deliveryOf(answer.problem);
  };
}

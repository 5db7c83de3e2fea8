import { readFileSync } from 'node:fs';

type Json = Record<string, unknown>;

/** Recorded objects that GitHub really sent, as a base for what the stand-in makes up. */
export const examples = JSON.parse(readFileSync(new URL('../webhooks/examples.json', import.meta.url), 'utf8')) as Record<
  'push_branch' | 'push_tag' | 'push_tag_deleted' | 'pull_request_closed' | 'pull_request_opened' | 'ping' | 'deployment_status',
  Json
>;
const recordedPull = examples.pull_request_closed['pull_request'] as Json;
const recordedRepository = (recordedPull['base'] as Json)['repo'] as Json;
const user = recordedPull['user'] as Json;
const TIME = '2026-01-02T03:04:05Z';

export function repositoryOf(fullName: string): Json {
  const [owner = '', name = ''] = fullName.split('/');
  return { ...recordedRepository, name, full_name: fullName, owner: { ...user, login: owner } };
}

export interface Deployment {
  id: number;
  sha: string;
  environment: string;
  payload: unknown;
  description: string;
  statuses: { id: number; state: string; description: string; log_url: string; environment: string }[];
}

export function deploymentBody(url: string, it: Deployment): Json {
  const self = `${url}/repos/acme/shop/deployments/${it.id}`;
  return {
    ...{ url: self, id: it.id, node_id: `D${it.id}`, sha: it.sha, ref: it.sha, task: 'deploy', payload: it.payload },
    ...{ original_environment: it.environment, environment: it.environment, description: it.description, creator: user },
    ...{ created_at: TIME, updated_at: TIME, statuses_url: `${self}/statuses`, repository_url: `${url}/repos/acme/shop` },
    ...{ transient_environment: false, production_environment: true, performed_via_github_app: null },
  };
}

export function deploymentStatusBody(url: string, deployment: Deployment, it: Deployment['statuses'][number]): Json {
  const parent = `${url}/repos/acme/shop/deployments/${deployment.id}`;
  return {
    ...{ url: `${parent}/statuses/${it.id}`, id: it.id, node_id: `S${it.id}`, state: it.state, creator: user, description: it.description },
    ...{
      environment: it.environment,
      target_url: '',
      deployment_url: parent,
      repository_url: `${url}/repos/acme/shop`,
      environment_url: '',
    },
    ...{ created_at: TIME, updated_at: TIME, log_url: it.log_url, performed_via_github_app: null },
  };
}

export interface CommitStatus {
  id: number;
  state: string;
  context: string;
  description: string;
  target_url: string | null;
}

export function commitStatusBody(url: string, sha: string, it: CommitStatus): Json {
  return {
    ...{ url: `${url}/repos/acme/shop/statuses/${sha}`, avatar_url: user['avatar_url'], node_id: `C${it.id}` },
    ...it,
    ...{ created_at: TIME, updated_at: TIME },
  };
}

export function createdCommitStatusBody(url: string, sha: string, it: CommitStatus): Json {
  return { ...commitStatusBody(url, sha, it), creator: user };
}

export interface CheckRun {
  name: string;
  status: 'queued' | 'in_progress' | 'completed';
  conclusion: 'success' | 'failure' | 'neutral' | 'cancelled' | 'skipped' | 'timed_out' | 'action_required' | null;
}

export function checkRunBody(url: string, sha: string, id: number, it: CheckRun): Json {
  const page = `https://github.example/acme/shop/runs/${id}`;
  return {
    ...{
      id,
      head_sha: sha,
      node_id: `R${id}`,
      external_id: '',
      url: `${url}/repos/acme/shop/check-runs/${id}`,
      html_url: page,
      details_url: page,
    },
    ...it,
    ...{ started_at: TIME, completed_at: it.status === 'completed' ? TIME : null },
    output: {
      title: null,
      summary: null,
      text: null,
      annotations_count: 0,
      annotations_url: `${url}/repos/acme/shop/check-runs/${id}/annotations`,
    },
    ...{ check_suite: { id: 1 }, app: null, pull_requests: [] },
  };
}

export interface Pull {
  number: number;
  title: string;
  body: string | null;
  head: string;
  headSha: string;
  headRepository: string;
  base: string;
  state: 'open' | 'closed';
  mergeSha: string | null;
  merged: boolean;
}

export function pullBody(it: Pull): Json {
  const side = (ref: string, sha: string, repository: string): Json => ({
    ...{ label: `acme:${ref}`, ref, sha, user, repo: repositoryOf(repository) },
  });
  return {
    ...recordedPull,
    ...{
      number: it.number,
      title: it.title,
      body: it.body,
      state: it.state,
      html_url: `https://github.example/acme/shop/pull/${it.number}`,
    },
    ...{ head: side(it.head, it.headSha, it.headRepository), base: side(it.base, '0'.repeat(40), 'acme/shop') },
    ...{
      merged: it.merged,
      merged_at: it.merged ? TIME : null,
      merge_commit_sha: it.mergeSha,
      closed_at: it.state === 'closed' ? TIME : null,
    },
    ...{ auto_merge: null, milestone: null },
  };
}

export function installationBody(url: string, id: number, appId: number): Json {
  return {
    ...{ id, app_id: appId, app_slug: 'greenroom', target_id: 1, target_type: 'Organization', single_file_name: null, account: user },
    ...{ repository_selection: 'selected', access_tokens_url: `${url}/app/installations/${id}/access_tokens`, events: ['push'] },
    ...{ html_url: `https://github.example/settings/installations/${id}`, repositories_url: `${url}/installation/repositories` },
    ...{
      permissions: { deployments: 'write', statuses: 'write' },
      created_at: TIME,
      updated_at: TIME,
      suspended_by: null,
      suspended_at: null,
    },
  };
}

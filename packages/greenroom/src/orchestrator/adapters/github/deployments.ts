import type { GitHubClient } from './client.ts';
import type { Answer } from './problem.ts';
import type { GitHubSettings } from './settings.ts';
import { descriptionOf, logLink } from './text.ts';

export type DeploymentState = 'in_progress' | 'success' | 'failure';

export interface DeploymentUpdate {
  /** Id of the attempt: the deployment is found again by it. */
  attempt: string;
  commit: string;
  state: DeploymentState;
  description: string;
}

/** Newest first; older deployments were superseded long ago. */
const LOOKED_AT = 100;
/** A pause in the posting, however long, leaves at most so many deployments to close. */
const CLOSED_AT_ONCE = 20;
const NOT_PUSHED_RETRY_MS = 30_000;

/**
 * One deployment per attempt that got as far as its promotion, and its states. Repeatable: everything is looked up before it is made. With
 * `success`, the deployments that came before are made inactive: GitHub does that by itself only outside of production.
 */
export async function updateDeployment(
  client: GitHubClient,
  settings: GitHubSettings,
  app: string,
  update: DeploymentUpdate,
  signal: AbortSignal,
): Promise<Answer<void>> {
  const { environment, repository } = settings;
  const at = { owner: repository.owner, repo: repository.name };
  const found = await ours({ sha: update.commit });
  if (!found.ok) return found;
  const existing = found.value.find((it) => it.attempt === update.attempt);
  const deployment = existing ? ({ ok: true, value: existing.id } as const) : await create();
  if (!deployment.ok) return deployment;
  const posted = await postOnce(deployment.value, update.state, update.description);
  if (!posted.ok || update.state !== 'success') return posted;
  return retirePrevious(deployment.value);

  /** This app's deployments, newest first. */
  async function ours(filter: { sha?: string }): Promise<Answer<{ id: number; attempt: string }[]>> {
    const listed = await client.read(
      (request) => request('GET /repos/{owner}/{repo}/deployments', { ...at, ...filter, environment, per_page: LOOKED_AT }),
      signal,
    );
    if (!listed.ok) return listed;
    const marked = listed.value.data.map((it) => ({ id: Number(it.id), ...markOf(it.payload) }));
    return { ok: true, value: marked.filter((it) => it.app === app).sort((a, b) => b.id - a.id) };
  }

  async function create(): Promise<Answer<number>> {
    const created = await client.write(
      (request) =>
        request('POST /repos/{owner}/{repo}/deployments', {
          ...at,
          ref: update.commit,
          environment,
          description: descriptionOf(update.description),
          payload: { greenroom_app: app, greenroom_attempt: update.attempt },
          // The gate has judged the commit already; GitHub must neither merge into it nor wait for checks.
          auto_merge: false,
          required_contexts: [],
        }),
      signal,
    );
    if (!created.ok) return notPushedYet(created);
    const { data } = created.value;
    if ('id' in data) return { ok: true, value: Number(data.id) };
    return {
      ok: false,
      problem: {
        kind: 'conflict',
        error: `GitHub made no deployment: ${data.message ?? ''}`,
        status: created.value.status,
        retryAfterMs: 0,
      },
    };
  }

  async function states(id: number): Promise<Answer<string[]>> {
    const listed = await client.read(
      (request) => request('GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', { ...at, deployment_id: id, per_page: 30 }),
      signal,
    );
    return listed.ok ? { ok: true, value: listed.value.data.sort((a, b) => Number(b.id) - Number(a.id)).map((it) => it.state) } : listed;
  }

  async function postOnce(id: number, state: DeploymentState, description: string): Promise<Answer<void>> {
    const known = await states(id);
    if (!known.ok) return known;
    return known.value.includes(state) ? { ok: true, value: undefined } : post(id, state, description);
  }

  async function post(id: number, state: DeploymentState | 'inactive', description: string): Promise<Answer<void>> {
    const answer = await client.write(
      (request) =>
        request('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
          ...at,
          deployment_id: id,
          state,
          description: descriptionOf(description),
          environment,
          auto_inactive: false,
          ...(state === 'inactive' ? {} : logLink('log_url', settings.logUrl, update.attempt)),
        }),
      signal,
    );
    return answer.ok ? { ok: true, value: undefined } : answer;
  }

  /** Back to the first one that is inactive: what is older was closed before. */
  async function retirePrevious(id: number): Promise<Answer<void>> {
    const listed = await ours({});
    if (!listed.ok) return listed;
    const older = listed.value.filter((it) => it.id < id).slice(0, CLOSED_AT_ONCE);
    for (const { id: previous } of older) {
      const known = await states(previous);
      if (!known.ok) return known;
      const [latest] = known.value;
      if (latest === 'inactive') break;
      if (latest === 'failure' || latest === 'error') continue;
      const posted = await post(previous, 'inactive', 'Replaced by a newer release');
      if (!posted.ok) return posted;
    }
    return { ok: true, value: undefined };
  }
}

/** The push may come later than the promotion: a commit that GitHub does not have yet is no reason to give up. */
function notPushedYet(answer: Answer<never> & { ok: false }): Answer<never> {
  const { problem } = answer;
  if (problem.kind !== 'invalid' || !/no ref found/i.test(problem.error)) return answer;
  return {
    ok: false,
    problem: { ...problem, kind: 'conflict', error: 'The commit is not on GitHub yet.', retryAfterMs: NOT_PUSHED_RETRY_MS },
  };
}

/** What we put into a deployment's payload, which GitHub hands back as an object or as text. */
function markOf(payload: unknown): { app: string; attempt: string } {
  const value = typeof payload === 'string' ? parsed(payload) : payload;
  const { greenroom_app, greenroom_attempt } = (value ?? {}) as { greenroom_app?: unknown; greenroom_attempt?: unknown };
  return {
    app: typeof greenroom_app === 'string' ? greenroom_app : '',
    attempt: typeof greenroom_attempt === 'string' ? greenroom_attempt : '',
  };
}

/** Payloads of other tools are any text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

import type { GitHubClient } from './client.ts';
import { statusContext } from './commit-status.ts';
import type { Answer } from './problem.ts';
import type { GitHubSettings } from './settings.ts';

/** What the project's own CI says about a commit. `none`: nothing has looked at it, or GitHub does not have the commit. */
export interface CheckSummary {
  state: 'none' | 'pending' | 'success' | 'failure';
  /** Checks in all: check runs and commit statuses, without Greenroom's own. */
  total: number;
  pending: number;
  failed: { name: string; url: string }[];
}

/** More than 300 checks on a commit are summed up from the first 300. */
const PAGES = 3;
const PER_PAGE = 100;
const FAILED = new Set(['failure', 'timed_out', 'action_required', 'startup_failure', 'error']);

/** For people to see, never to wait for. */
export async function readChecks(
  client: GitHubClient,
  settings: GitHubSettings,
  app: string,
  commit: string,
  signal?: AbortSignal,
): Promise<Answer<CheckSummary>> {
  const at = { owner: settings.repository.owner, repo: settings.repository.name, ref: commit, per_page: PER_PAGE };
  const found: { name: string; url: string; outcome: string }[] = [];
  for (let page = 1; page <= PAGES; page++) {
    const runs = await client.read((request) => request('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', { ...at, page }), signal);
    if (!runs.ok) return unknownCommit(runs);
    for (const run of runs.value.data.check_runs) {
      found.push({
        name: run.name,
        url: run.html_url ?? '',
        outcome: run.status === 'completed' ? (run.conclusion ?? 'neutral') : 'pending',
      });
    }
    if (page * PER_PAGE >= runs.value.data.total_count) break;
  }
  const combined = await client.read((request) => request('GET /repos/{owner}/{repo}/commits/{ref}/status', at), signal);
  if (!combined.ok) return unknownCommit(combined);
  const others = combined.value.data.statuses.filter((it) => it.context !== statusContext(app));
  for (const it of others) found.push({ name: it.context, url: it.target_url ?? '', outcome: it.state });
  return { ok: true, value: summary(found) };
}

function summary(found: { name: string; url: string; outcome: string }[]): CheckSummary {
  const failed = found.filter((it) => FAILED.has(it.outcome)).map(({ name, url }) => ({ name, url }));
  const pending = found.filter((it) => it.outcome === 'pending').length;
  const state = found.length === 0 ? 'none' : failed.length > 0 ? 'failure' : pending > 0 ? 'pending' : 'success';
  return { state, total: found.length, pending, failed };
}

function unknownCommit(answer: Answer<unknown> & { ok: false }): Answer<CheckSummary> {
  if (answer.problem.status === 422) return { ok: true, value: summary([]) };
  return answer;
}

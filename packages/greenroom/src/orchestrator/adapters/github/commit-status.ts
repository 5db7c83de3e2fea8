import type { GitHubClient } from './client.ts';
import type { Answer } from './problem.ts';
import type { GitHubSettings } from './settings.ts';
import { descriptionOf, logLink } from './text.ts';

export interface CommitStatusUpdate {
  attempt: string;
  commit: string;
  state: 'failure' | 'success';
  description: string;
}

/** Name that an app's statuses stand under, beside the project's own checks. */
export function statusContext(app: string): string {
  return `greenroom/${app}`;
}

/**
 * Marks a refused commit as failed. `success` only takes such a mark back: a commit without one gets none. A commit that GitHub does not have
 * (it was refused before it was pushed) is left alone.
 */
export async function updateCommitStatus(
  client: GitHubClient,
  settings: GitHubSettings,
  app: string,
  update: CommitStatusUpdate,
  signal: AbortSignal,
): Promise<Answer<void>> {
  const at = { owner: settings.repository.owner, repo: settings.repository.name };
  const context = statusContext(app);
  const combined = await client.read(
    (request) => request('GET /repos/{owner}/{repo}/commits/{ref}/status', { ...at, ref: update.commit, per_page: 100 }),
    signal,
  );
  if (!combined.ok) return combined.problem.status === 422 ? { ok: true, value: undefined } : combined;
  const shown = combined.value.data.statuses.find((it) => it.context === context);
  if (shown?.state === update.state || (!shown && update.state === 'success')) return { ok: true, value: undefined };
  const posted = await client.write(
    (request) =>
      request('POST /repos/{owner}/{repo}/statuses/{sha}', {
        ...at,
        sha: update.commit,
        state: update.state,
        context,
        description: descriptionOf(update.description),
        ...logLink('target_url', settings.logUrl, update.attempt),
      }),
    signal,
  );
  return posted.ok ? { ok: true, value: undefined } : posted;
}

import type { GitHubClient } from './client.ts';
import type { Answer } from './problem.ts';
import type { GitHubSettings } from './settings.ts';

export interface PullRequestUpdate {
  /** Branch with the changes, in the same repository. */
  head: string;
  base: string;
  /** Only for a new pull request: afterwards the title is its readers'. */
  title: string;
  /** Markdown; replaces the part of the description that we wrote before, and nothing else. */
  summary: string;
}

export interface PullRequestOutcome {
  /** `nothing`: the branches do not differ. */
  change: 'opened' | 'updated' | 'unchanged' | 'nothing';
  /** 0 and empty with `nothing`. */
  number: number;
  url: string;
}

export interface MergedPullRequest {
  number: number;
  headSha: string;
  /** Branch that was merged. */
  head: string;
  base: string;
  /** The commit on the base branch: merge, squash or last rebased one. */
  mergeSha: string;
}

const BEGIN = '<!-- greenroom:begin -->';
const END = '<!-- greenroom:end -->';
/** GitHub refuses longer descriptions; what does not fit is the oldest deploys. */
const BODY_CHARACTERS = 60_000;

/** Opens the pull request head -> base, or brings our part of its description up to date. Repeatable. */
export async function updatePullRequest(
  client: GitHubClient,
  settings: GitHubSettings,
  update: PullRequestUpdate,
  signal?: AbortSignal,
): Promise<Answer<PullRequestOutcome>> {
  const { owner, name: repo } = settings.repository;
  const { head, base, title } = update;
  const part = `${BEGIN}\n${update.summary.slice(0, BODY_CHARACTERS)}\n${END}`;
  const existing = await openOne();
  if (!existing.ok) return existing;
  if (existing.value) return bringUpToDate(existing.value);
  const created = await client.write(
    (request) => request('POST /repos/{owner}/{repo}/pulls', { owner, repo, head, base, title, body: part }),
    signal,
  );
  if (created.ok) return outcome('opened', created.value.data);
  const { problem } = created;
  if (problem.kind === 'invalid' && /no commits between/i.test(problem.error)) {
    return { ok: true, value: { change: 'nothing', number: 0, url: '' } };
  }
  if (problem.kind !== 'invalid' || !/already exists/i.test(problem.error)) return created;
  // Somebody opened it since we looked.
  const theirs = await openOne();
  if (!theirs.ok) return theirs;
  return theirs.value ? bringUpToDate(theirs.value) : created;

  async function openOne(): Promise<Answer<OpenPullRequest | undefined>> {
    const listed = await client.read(
      (request) => request('GET /repos/{owner}/{repo}/pulls', { owner, repo, head: `${owner}:${head}`, base, state: 'open' }),
      signal,
    );
    return listed.ok ? { ok: true, value: listed.value.data.find((it) => it.head.ref === head) } : listed;
  }

  async function bringUpToDate(found: OpenPullRequest): Promise<Answer<PullRequestOutcome>> {
    const body = withPart(found.body ?? '', part);
    if (body === found.body) return outcome('unchanged', found);
    const patched = await client.write(
      (request) => request('PATCH /repos/{owner}/{repo}/pulls/{pull_number}', { owner, repo, pull_number: found.number, body }),
      signal,
    );
    return patched.ok ? outcome('updated', patched.value.data) : patched;
  }
}

/** The merged pull request whose head was this commit; null when there is none. Squash merges leave no other trace of what was merged. */
export async function findMergedPullRequest(
  client: GitHubClient,
  settings: GitHubSettings,
  headSha: string,
  signal?: AbortSignal,
): Promise<Answer<MergedPullRequest | null>> {
  const { owner, name: repo } = settings.repository;
  const listed = await client.read(
    (request) => request('GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls', { owner, repo, commit_sha: headSha, per_page: 100 }),
    signal,
  );
  if (!listed.ok) return listed.problem.status === 422 ? { ok: true, value: null } : listed;
  const own = `${owner}/${repo}`.toLowerCase();
  const found = listed.value.data.find(
    (it) => it.merged_at !== null && it.head.sha === headSha && it.head.repo?.full_name.toLowerCase() === own,
  );
  if (!found) return { ok: true, value: null };
  const { number, head, base, merge_commit_sha } = found;
  return { ok: true, value: { number, headSha, head: head.ref, base: base.ref, mergeSha: merge_commit_sha ?? '' } };
}

interface OpenPullRequest {
  number: number;
  html_url: string;
  body: string | null;
}

function outcome(
  change: PullRequestOutcome['change'],
  { number, html_url }: { number: number; html_url: string },
): Answer<PullRequestOutcome> {
  return { ok: true, value: { change, number, url: html_url } };
}

/** What people wrote around our part stays; GitHub hands line ends back as it got them, which may be CRLF from its pages. */
function withPart(body: string, part: string): string {
  const begin = body.indexOf(BEGIN);
  const end = body.indexOf(END, begin);
  if (begin < 0 || end < 0) return body.trim() === '' ? part : `${body.trimEnd()}\n\n${part}`;
  const before = body.slice(begin, end + END.length).replaceAll('\r\n', '\n');
  return before === part ? body : body.slice(0, begin) + part + body.slice(end + END.length);
}

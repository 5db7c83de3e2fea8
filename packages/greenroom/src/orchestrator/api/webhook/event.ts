import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';

/** A push to the human branch. A prompt to fetch and no more: deliveries may be late, doubled, or in another order. */
export interface PushEvent {
  branch: string;
  before: string;
  after: string;
  delivery: string;
}

export interface MergedEvent {
  /** What was merged. */
  headSha: string;
  /** The commit that it became on the base branch. */
  mergeSha: string;
  head: string;
  base: string;
  delivery: string;
}

export type WebhookEvent =
  | ({ type: 'push' } & PushEvent)
  | ({ type: 'merged' } & MergedEvent)
  | { type: 'ping' }
  | { type: 'ignored'; why: string };

export interface Expected {
  /** `owner/name`; upper and lower case are the same. */
  repository: string;
  humanBranch: string;
}

const EVENT_HEADERS = ['x-github-event', 'x-gitea-event', 'x-forgejo-event', 'x-gogs-event'];
const DELIVERY_HEADERS = [
  'x-github-delivery',
  'x-gitea-delivery',
  'x-forgejo-delivery',
  'x-gogs-delivery',
  'idempotency-key',
  'x-gitlab-event-uuid',
];
const DELIVERY_ID = /^[A-Za-z0-9._-]{1,100}$/;
const sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'a full commit id');
const branch = z.string().min(1).max(1000);

const push = z.object({ ref: z.string(), before: sha, after: sha, deleted: z.boolean().optional() });
const repository = z.object({ repository: z.object({ full_name: z.string() }) });
const project = z.object({ project: z.object({ path_with_namespace: z.string() }) });
const pullRequest = z.object({ action: z.string(), pull_request: z.object({ merged: z.boolean().nullish() }) });
const merged = z.object({
  pull_request: z.object({
    merge_commit_sha: sha,
    head: z.object({ ref: branch, sha, repo: z.object({ full_name: z.string() }).nullish() }),
    base: z.object({ ref: branch }),
  }),
});
const mergeRequest = z.object({ object_attributes: z.object({ action: z.string().optional() }) });
const mergedRequest = z.object({
  object_attributes: z.object({
    source_branch: branch,
    target_branch: branch,
    source_project_id: z.number(),
    target_project_id: z.number(),
    last_commit: z.object({ id: sha }),
    merge_commit_sha: sha.nullish(),
    squash_commit_sha: sha.nullish(),
  }),
});

/** Id that a redelivery keeps; empty when there is none that is usable. */
export function deliveryId(headers: IncomingHttpHeaders): string {
  const found = first(headers, DELIVERY_HEADERS);
  return DELIVERY_ID.test(found) ? found : '';
}

/** What a genuine delivery means here. A string is why its body is not what its event promises. */
export function understand(headers: IncomingHttpHeaders, body: unknown, delivery: string, expected: Expected): WebhookEvent | string {
  const gitlab = first(headers, ['x-gitlab-event']);
  const event = gitlab === '' ? first(headers, EVENT_HEADERS) : (GITLAB_EVENTS.get(gitlab) ?? gitlab);
  if (event === '') return 'There is no X-GitHub-Event header (nor that of Gitea, Forgejo or GitLab).';
  if (event === 'ping') return { type: 'ping' };
  if (event !== 'push' && event !== 'pull_request') return ignored(`the event "${event.slice(0, 60)}" is not used`);
  const name =
    gitlab === '' ? repository.safeParse(body).data?.repository.full_name : project.safeParse(body).data?.project.path_with_namespace;
  if (name === undefined) return 'The body names no repository.';
  if (!same(name, expected.repository)) return ignored('it is about another repository');
  if (event === 'push') return understandPush(body, delivery, expected);
  return gitlab === '' ? understandPullRequest(body, delivery, expected) : understandMergeRequest(body, delivery);
}

const GITLAB_EVENTS = new Map([
  ['Push Hook', 'push'],
  ['Merge Request Hook', 'pull_request'],
]);
const BRANCHES = 'refs/heads/';

function understandPush(body: unknown, delivery: string, { humanBranch }: Expected): WebhookEvent | string {
  const parsed = push.safeParse(body);
  if (!parsed.success) return malformed('push', parsed.error);
  const { ref, before, after, deleted } = parsed.data;
  if (!ref.startsWith(BRANCHES)) return ignored('it is a tag');
  const name = ref.slice(BRANCHES.length);
  if (name !== humanBranch) return ignored('it is another branch');
  if (deleted || /^0+$/.test(after)) return ignored('the branch was deleted');
  return { type: 'push', branch: name, before, after, delivery };
}

function understandPullRequest(body: unknown, delivery: string, expected: Expected): WebhookEvent | string {
  const looked = pullRequest.safeParse(body);
  if (!looked.success) return malformed('pull_request', looked.error);
  if (looked.data.action !== 'closed' || !looked.data.pull_request.merged) return ignored('the pull request was not merged');
  const parsed = merged.safeParse(body);
  if (!parsed.success) return malformed('pull_request', parsed.error);
  const { head, base, merge_commit_sha } = parsed.data.pull_request;
  // A fork may call its branch like ours.
  if (!head.repo || !same(head.repo.full_name, expected.repository)) return ignored('the pull request came from a fork');
  return { type: 'merged', headSha: head.sha, mergeSha: merge_commit_sha, head: head.ref, base: base.ref, delivery };
}

function understandMergeRequest(body: unknown, delivery: string): WebhookEvent | string {
  const looked = mergeRequest.safeParse(body);
  if (!looked.success) return malformed('merge request', looked.error);
  if (looked.data.object_attributes.action !== 'merge') return ignored('the merge request was not merged');
  const parsed = mergedRequest.safeParse(body);
  if (!parsed.success) return malformed('merge request', parsed.error);
  const it = parsed.data.object_attributes;
  if (it.source_project_id !== it.target_project_id) return ignored('the merge request came from a fork');
  const mergeSha = it.merge_commit_sha ?? it.squash_commit_sha ?? '';
  return { type: 'merged', headSha: it.last_commit.id, mergeSha, head: it.source_branch, base: it.target_branch, delivery };
}

function malformed(event: string, error: z.ZodError): string {
  const [issue] = error.issues;
  return `The body is not that of a ${event} event: ${issue ? `"${issue.path.join('.')}": ${issue.message}` : error.message}.`;
}

function ignored(why: string): WebhookEvent {
  return { type: 'ignored', why };
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function first(headers: IncomingHttpHeaders, names: readonly string[]): string {
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}

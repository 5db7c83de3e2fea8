import type { Git } from '../git.ts';
import { isFullId } from '../names.ts';
import { BRANCHES, INCOMING, type OpenedRepo, resolveRef } from '../repo.ts';

export const RESCUE = 'refs/greenroom/rescue/';
const MERGED = 'refs/greenroom/merged/';
const REPLACEABLE = 'refs/greenroom/replaceable/';
const SEEN = 'refs/greenroom/seen/';

/** What works on the two branches. */
export interface BranchContext {
  repo: OpenedRepo;
  git: Git;
  workspace: string;
  human: string;
  agent: string;
  networkTimeoutMs: number;
  log: (message: string) => void;
  now: () => number;
}

/** Names of the refs that matter. */
export function refNames({ human, agent }: Pick<BranchContext, 'human' | 'agent'>) {
  return {
    human: `${BRANCHES}${human}`,
    published: `${BRANCHES}${agent}`,
    local: `${INCOMING}${agent}`,
    live: 'refs/greenroom/live',
    /** One ref for each head that a pull request's event said to be merged. */
    merged: MERGED,
    /** The published head that a reset found merged: it alone may be replaced. */
    replaceable: `${REPLACEABLE}${agent}`,
    /** Heads as they were at the last refresh, to notice when somebody rewrites a branch. */
    seen: SEEN,
  };
}

export interface Heads {
  human: string;
  published: string;
  local: string;
  live: string;
  replaceable: string;
}

/** Commits by role; empty where there is none. */
export async function readHeads(context: BranchContext): Promise<Heads> {
  const names = refNames(context);
  const read = (ref: string): Promise<string> => resolveRef(context.git, ref);
  const [human, published, local, live, replaceable] = await Promise.all(
    [names.human, names.published, names.local, names.live, names.replaceable].map(read),
  );
  return { human: human ?? '', published: published ?? '', local: local ?? '', live: live ?? '', replaceable: replaceable ?? '' };
}

/** Whether the first commit is the second one or an ancestor of it. False when either is empty. */
export async function isAncestor(git: Git, ancestor: string, descendant: string): Promise<boolean> {
  if (!isFullId(ancestor) || !isFullId(descendant)) return false;
  if (ancestor === descendant) return true;
  return (await git.run(['merge-base', '--is-ancestor', ancestor, descendant])).code === 0;
}

/** A signal that also ends at the network's time limit. */
export function withinTime(context: BranchContext, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(context.networkTimeoutMs)]);
}

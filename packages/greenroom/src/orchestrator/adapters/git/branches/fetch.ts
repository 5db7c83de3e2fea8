import { GitError } from '../git.ts';
import { resolveRef } from '../repo.ts';
import { type BranchContext, isAncestor, refNames, withinTime } from './context.ts';
import { keepCommit } from './rescues.ts';

/** Fetches both sides, and keeps what somebody took off a branch. Answers an empty string, or what could not be reached. */
export async function fetchAll(context: BranchContext, signal: AbortSignal): Promise<string> {
  const problem = await fetchWithinTime(context, signal);
  await noticeRewrites(context);
  return problem;
}

async function fetchWithinTime(context: BranchContext, signal: AbortSignal): Promise<string> {
  try {
    return await context.repo.fetch(withinTime(context, signal));
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (error.kind !== 'aborted') return error.message;
    return signal.aborted ? 'aborted' : `the repository did not answer within ${context.networkTimeoutMs} ms`;
  }
}

/** Somebody else's force push, or a branch deleted before it was merged, takes commits away that nobody may want to lose. */
async function noticeRewrites(context: BranchContext): Promise<void> {
  const { git, human, agent } = context;
  const names = refNames(context);
  for (const [branch, ref] of [
    [human, names.human],
    [agent, names.published],
  ] as const) {
    const seen = `${names.seen}${branch}`;
    const [before, now] = await Promise.all([resolveRef(git, seen), resolveRef(git, ref)]);
    if (before === now) continue;
    if (before !== '' && !(await isAncestor(git, before, now)) && !(await isHeldElsewhere(context, before, names.seen))) {
      await keepCommit(context, branch, before);
    }
    await git.must(now === '' ? ['update-ref', '-d', seen] : ['update-ref', seen, now]);
  }
}

async function isHeldElsewhere({ git }: BranchContext, commit: string, seen: string): Promise<boolean> {
  const refs = await git.text(['for-each-ref', `--contains=${commit}`, '--format=%(refname)']);
  return refs.split('\n').some((ref) => ref !== '' && !ref.startsWith(seen));
}

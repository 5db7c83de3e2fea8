import type { PostponedReason, ResetReport } from '../../../ports.ts';
import { GitError } from '../git.ts';
import { type BranchContext, type Heads, isAncestor, readHeads, refNames } from './context.ts';
import { mergedState } from './merged.ts';
import { publish } from './push.ts';
import { keepCommit } from './rescues.ts';
import { resetWorkspace } from './reset-workspace.ts';
import { openWorkspace } from './workspace.ts';

const postponed = (reason: PostponedReason, detail: string): ResetReport => ({ status: 'postponed', reason, detail });

export async function resetMachine(context: BranchContext, busy: () => boolean, signal: AbortSignal): Promise<ResetReport> {
  try {
    return await reset(context, busy, signal);
  } catch (error) {
    if (error instanceof GitError && error.kind === 'aborted') return postponed('aborted', 'The reset was aborted.');
    throw error;
  }
}

async function reset(context: BranchContext, busy: () => boolean, signal: AbortSignal): Promise<ResetReport> {
  if (busy()) return postponed('agent_busy', 'The agent is working; its branch is reset when it is done.');
  // What the agent committed since the last look belongs into the decision.
  const problem = await context.repo.fetchIncoming(signal);
  if (problem !== '') return postponed('workspace_unusable', `${problem}.`);
  const heads = await readHeads(context);
  const merged = await mergedState(context, heads);
  if (merged.state === 'none' || merged.state === 'unmerged') return { status: 'not_needed', state: merged.state };
  if (merged.state === 'current' || merged.state === 'behind') {
    await forgetEvents(context);
    if (!merged.publishedLags) return { status: 'not_needed', state: merged.state };
    return await finish(context, heads, heads.local || heads.human, [], signal);
  }
  if (merged.state === 'partly') {
    const refusal = await openWork(context, heads, merged.through);
    if (refusal !== undefined) return refusal;
  }

  const rescued = await keepHeads(context, heads);
  const { git, agent, human } = context;
  const names = refNames(context);
  if (heads.published !== '' && !(await isAncestor(git, heads.published, heads.human))) {
    await git.must(['update-ref', names.replaceable, heads.published]);
  }
  if (heads.local !== '' && heads.local !== heads.human) {
    const workspace = await openWorkspace(context);
    if (typeof workspace === 'string') return postponed('workspace_unusable', workspace);
    if (workspace !== undefined) {
      const request = { from: heads.local, to: heads.human, unmerged: merged.state === 'partly', busy, signal };
      const outcome = await resetWorkspace(context, workspace, request);
      if (!outcome.done) return postponed(outcome.reason, outcome.detail);
      rescued.push(...outcome.rescued);
    }
    await git.must(['update-ref', names.local, heads.human]);
  }
  // The event is dealt with. Left here it would take the same commits for merged should they come back.
  await forgetEvents(context);
  context.log(`${agent} was merged into ${human} and is set to ${heads.human.slice(0, 12)}`);
  return await finish(context, { ...heads, replaceable: heads.published }, heads.human, rescued, signal);
}

/** Work beyond the merged part stays where it is while people can see it. */
async function openWork({ git, agent, human }: BranchContext, heads: Heads, through: string): Promise<ResetReport | undefined> {
  const isOpen = async (commit: string): Promise<boolean> =>
    (await isAncestor(git, commit, heads.local || heads.published)) &&
    !(await isAncestor(git, commit, through)) &&
    !(await isAncestor(git, commit, heads.human));
  if (await isOpen(heads.live)) {
    return postponed('unmerged_live', `The live commit ${heads.live.slice(0, 12)} is on ${agent} and not merged into ${human} yet.`);
  }
  if (heads.published !== heads.replaceable && (await isOpen(heads.published))) {
    return postponed('unmerged_published', `${agent} has newer published commits that are not merged into ${human} yet.`);
  }
  return undefined;
}

/** Squashed commits are on no branch any more once the agent's moves. */
async function keepHeads(context: BranchContext, { local, published, human }: Heads): Promise<string[]> {
  const { git, agent } = context;
  const kept: string[] = [];
  if (local !== '' && !(await isAncestor(git, local, human))) kept.push(await keepCommit(context, agent, local));
  const covered = published === '' || (await isAncestor(git, published, human)) || (await isAncestor(git, published, local));
  if (!covered) kept.push(await keepCommit(context, agent, published));
  return kept;
}

/** The published branch follows, when there is one: a branch that was deleted with its pull request stays deleted until the next promotion. */
async function finish(context: BranchContext, heads: Heads, commit: string, rescued: string[], signal: AbortSignal): Promise<ResetReport> {
  const follows = heads.published !== '' && heads.published !== commit;
  const published = follows ? await publish(context, commit, heads, signal) : null;
  const kept = rescued.length === 0 ? '' : ` Kept: ${rescued.join(', ')}.`;
  const remote = published === null || published.status === 'pushed' || published.status === 'up_to_date' ? '' : ` ${published.detail}`;
  return { status: 'reset', commit, rescued, published, detail: `${context.agent} is at ${commit.slice(0, 12)}.${kept}${remote}` };
}

async function forgetEvents(context: BranchContext): Promise<void> {
  const { merged } = refNames(context);
  const refs = (await context.git.text(['for-each-ref', '--format=%(refname)', merged])).split('\n').filter((ref) => ref !== '');
  if (refs.length > 0) await context.git.must(['update-ref', '--stdin'], { input: refs.map((ref) => `delete ${ref}\n`).join('') });
}

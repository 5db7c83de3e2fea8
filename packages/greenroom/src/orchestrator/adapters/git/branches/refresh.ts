import type { BranchesView, BranchHead } from '../../../ports.ts';
import { type BranchContext, isAncestor, readHeads } from './context.ts';
import { fetchAll } from './fetch.ts';

export async function refresh(context: BranchContext, signal: AbortSignal): Promise<BranchesView> {
  return await view(context, await fetchAll(context, signal));
}

async function view(context: BranchContext, problem: string): Promise<BranchesView> {
  const { git } = context;
  const heads = await readHeads(context);
  const { human, local, published, live } = heads;
  const head = async (name: string, commit: string): Promise<BranchHead> => ({
    name,
    commit,
    containsLive: await isAncestor(git, live, commit),
  });
  const agent = local || published;
  const [ahead, behind] = human === '' || agent === '' ? [0, 0] : await countBothWays(context, agent, human);
  const base = published || human;
  const [unpublished] = local === '' || base === '' ? [0] : await countBothWays(context, local, base);
  return {
    human: await head(context.human, human),
    agent: { ...(await head(context.agent, agent)), local, published },
    ahead,
    behind,
    unpublished,
    live,
    problem,
  };
}

/** Commits that only the first has, and that only the second has. */
async function countBothWays({ git }: BranchContext, left: string, right: string): Promise<[number, number]> {
  const [ahead = 0, behind = 0] = (await git.text(['rev-list', '--left-right', '--count', `${left}...${right}`])).split(/\s+/).map(Number);
  return [ahead, behind];
}

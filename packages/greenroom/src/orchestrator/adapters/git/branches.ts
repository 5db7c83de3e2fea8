import type { Contract } from '../../core/contract.ts';
import type { Layout } from '../../layout.ts';
import type { Branches } from '../../ports.ts';
import { type BranchContext, readHeads, refNames, withinTime } from './branches/context.ts';
import { fetchAll } from './branches/fetch.ts';
import { maintain } from './branches/maintain.ts';
import { mergedState } from './branches/merged.ts';
import { pushMachine } from './branches/push.ts';
import { refresh } from './branches/refresh.ts';
import { expireRescues, listRescues } from './branches/rescues.ts';
import { resetMachine } from './branches/reset.ts';
import { GitError } from './git.ts';
import { isFullId } from './names.ts';
import { type OpenedRepo, resolveRef } from './repo.ts';

/** How long the remote may take for one fetch or push before it counts as unreachable. */
export const DEFAULT_NETWORK_TIMEOUT_MS = 60_000;

interface BranchesOptions {
  layout: Layout;
  repo: OpenedRepo;
  contract: Pick<Contract, 'human_branch' | 'agent_branch'>;
  log: (message: string) => void;
  /** Whether the agent is in a turn, so that its workspace must be left alone. */
  agentBusy: () => boolean;
  /** Whether a deploy or rollback is under way. */
  attemptRunning: () => boolean;
  networkTimeoutMs?: number;
  /** Wall clock, milliseconds. */
  now?: () => number;
}

export function createBranches(options: BranchesOptions): Branches {
  const { repo, agentBusy, attemptRunning } = options;
  const context: BranchContext = {
    repo,
    git: repo.git,
    workspace: options.layout.workspace,
    human: options.contract.human_branch,
    agent: options.contract.agent_branch,
    networkTimeoutMs: options.networkTimeoutMs ?? DEFAULT_NETWORK_TIMEOUT_MS,
    log: options.log,
    now: options.now ?? Date.now,
  };
  const inTurn = serially();
  return {
    refresh: (signal) => inTurn(() => refresh(context, signal)),
    pushMachine: (commit, signal) => inTurn(() => pushMachine(context, commit, signal)),
    noteMerged: (head, signal) => inTurn(() => noteMerged(context, head, signal)),
    mergedState: () => inTurn(async () => await mergedState(context, await readHeads(context))),
    resetMachine: (signal) => inTurn(() => resetMachine(context, agentBusy, signal)),
    rescues: () => listRescues(context.git),
    expireRescues: (limits) => inTurn(() => expireRescues(context, limits)),
    maintain: (signal) => inTurn(() => maintain(context.git, attemptRunning, signal)),
  };
}

async function noteMerged(context: BranchContext, head: string, signal: AbortSignal): Promise<boolean> {
  const { git, repo, log } = context;
  if (!isFullId(head)) return false;
  const id = head.toLowerCase();
  // Without main as it is after the merge the agent's branch would be set to an older one.
  const stale = await fetchAll(context, signal);
  if (stale !== '') {
    log(`merged commit ${id}: ${stale}`);
    return false;
  }
  if ((await resolveRef(git, id)) === '') {
    const problem = await repo.fetchCommit(id, 'origin', withinTime(context, signal)).catch((error: unknown) => {
      if (error instanceof GitError) return error.message;
      throw error;
    });
    if (problem !== '') log(`merged commit ${id}: ${problem}`);
  }
  if ((await resolveRef(git, id)) !== id) return false;
  await git.must(['update-ref', `${refNames(context).merged}${id}`, id]);
  return true;
}

/** Runs one after the other what would trip over each other's refs. */
function serially(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work, work);
    last = turn;
    return turn;
  };
}

import { join } from 'node:path';
import type { AgentPaths } from '../settings.ts';
import type { Git } from './git.ts';

/** What every part of the workspace needs to know. */
export interface WorkspaceOptions {
  paths: Pick<AgentPaths, 'run' | 'repo' | 'workspace' | 'agentReport'>;
  humanBranch: string;
  agentBranch: string;
  author: { name: string; email: string };
  /** The agent's user, whose the clone is; absent where the agent runs as this process's own. */
  owner?: { uid: number; gid: number };
  /** `agent.env` of the contract: what the agent's environment holds already. */
  agentEnvironment?: Record<string, string>;
  /** Has the orchestrator fetch the human branch. Answers an empty string, or why it could not, as a clause. Never throws. */
  refresh(): Promise<string>;
}

/** Where the workspace's git keeps what is not of the checked-out tree, and not for the agent to change. */
export interface GitPlace {
  folder: string;
  hooks: string;
  /** The two lines that the hook adds to messages; there only while a turn is under way. */
  trailers: string;
  /** `TurnStart` as JSON. */
  turn: string;
}

export function gitPlace(paths: Pick<AgentPaths, 'run'>): GitPlace {
  const folder = join(paths.run, 'agent-git');
  return { folder, hooks: join(folder, 'hooks'), trailers: join(folder, 'trailers'), turn: join(folder, 'turn.json') };
}

export const branchRef = (branch: string): string => `refs/heads/${branch}`;
/** Branches of people, as the orchestrator last saw them; named alike in its repository and in the workspace. */
export const remoteRef = (branch: string): string => `refs/remotes/origin/${branch}`;

/** Full id of the commit that a full ref name leads to; empty when there is none. */
export async function commitOf(git: Git, ref: string): Promise<string> {
  const { code, stdout } = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  return code === 0 ? stdout.toString('utf8').trim() : '';
}

/** Whether everything of `ancestor` is in `commit`. False when either is empty or unknown. */
export async function contains(git: Git, commit: string, ancestor: string): Promise<boolean> {
  if (commit === '' || ancestor === '') return false;
  return commit === ancestor || (await git.run(['merge-base', '--is-ancestor', ancestor, commit])).code === 0;
}

export const short = (commit: string): string => commit.slice(0, 10);

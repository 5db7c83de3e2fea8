import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { PreparedWorkspace, TurnPlace, Workspace } from '../../../src/agent/runner/ports.ts';
import { createWorkspace, type WorkspaceOptions } from '../../../src/agent/workspace.ts';
import { type Shared, shared } from '../../branches/world.ts';

export const TURN: TurnPlace = { conversation: 'c1', turn: 't1' };
export const NEXT: TurnPlace = { conversation: 'c1', turn: 't2' };

export interface WorkspaceRig extends Shared {
  workspace: Workspace;
  options: WorkspaceOptions;
  /** Prepares for a turn that must be possible. */
  prepare(turn?: TurnPlace): Promise<PreparedWorkspace & { ok: true }>;
  /** Git as the agent runs it: in its environment, with the machine's defaults. */
  agent(prepared: PreparedWorkspace & { ok: true }, ...args: string[]): string;
}

/** An origin, a person's clone and the orchestrator's repository, and a workspace that is not made yet. */
export async function workspaceRig(t: TestContext, more: Partial<WorkspaceOptions> = {}): Promise<WorkspaceRig> {
  const world = await shared(t, { workspace: false });
  const options: WorkspaceOptions = {
    paths: world.layout,
    humanBranch: 'main',
    agentBranch: 'machine',
    author: { name: 'An agent', email: 'agent@example.invalid' },
    refresh: () => world.repo.fetch(),
    ...more,
  };
  const workspace = createWorkspace(options);
  return {
    ...world,
    workspace,
    options,
    async prepare(turn = TURN) {
      const prepared = await workspace.prepare(turn);
      if (!prepared.ok) throw new Error(prepared.problem);
      return prepared;
    },
    agent(prepared, ...args) {
      const env = { PATH: process.env['PATH'], HOME: join(world.root, 'home'), GIT_CONFIG_NOSYSTEM: '1', ...prepared.environment };
      return execFileSync('git', args, { cwd: workspace.path, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
    },
  };
}

export const texts = ({ notes }: PreparedWorkspace & { ok: true }): string[] => notes.map(({ text }) => text);

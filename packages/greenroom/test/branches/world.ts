import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createBranches } from '../../src/orchestrator/adapters/git/branches.ts';
import type { OpenedRepo } from '../../src/orchestrator/adapters/git/repo.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';
import type { Branches } from '../../src/orchestrator/ports.ts';
import { commit, git, openApp, temporaryFolder } from '../git/fixture.ts';

export const never: AbortSignal = new AbortController().signal;

export interface Shared {
  root: string;
  /** A bare repository: what everybody pushes to. */
  origin: string;
  /** A human's clone. */
  human: string;
  layout: Layout;
  repo: OpenedRepo;
  branches: Branches;
  log: string[];
  first: string;
  /** What the orchestrator is told of agent and deploys. */
  says: { agentBusy: boolean; attemptRunning: boolean; now: number };
}

/** An origin with one commit on `main`, a human's clone, and the orchestrator's repository; a workspace unless told otherwise. */
export async function shared(t: TestContext, options: { workspace?: boolean; remote?: (origin: string) => string } = {}): Promise<Shared> {
  const root = temporaryFolder(t, 'greenroom-branches-');
  const origin = join(root, 'origin.git');
  git(root, 'init', '-q', '--bare', '-b', 'main', origin);
  const human = clone(root, origin, 'human');
  const first = commit(human, { 'a.txt': lines('a'), 'b.txt': lines('b') }, 'first');
  git(human, 'push', '-q', 'origin', 'main');
  const layout = layoutOf(join(root, 'data'));
  mkdirSync(layout.data, { recursive: true });
  const log: string[] = [];
  if (options.workspace !== false) {
    clone(layout.data, origin, 'workspace');
    git(layout.workspace, 'checkout', '-q', '-b', 'machine', 'origin/main');
  }
  const repo = await openApp(layout, options.remote?.(origin) ?? origin, log);
  const says = { agentBusy: false, attemptRunning: false, now: Date.now() };
  const branches = createBranches({
    layout,
    repo,
    contract: { human_branch: 'main', agent_branch: 'machine' },
    log: (message) => log.push(message),
    agentBusy: () => says.agentBusy,
    attemptRunning: () => says.attemptRunning,
    networkTimeoutMs: 20_000,
    now: () => says.now,
  });
  return { root, origin, human, layout, repo, branches, log, first, says };
}

export function clone(parent: string, from: string, name: string): string {
  const folder = join(parent, name);
  git(parent, 'clone', '-q', from, folder);
  git(folder, 'config', 'user.name', name);
  git(folder, 'config', 'user.email', `${name}@test`);
  return folder;
}

/** Twenty numbered lines, so that changes far apart merge. */
export function lines(name: string, changed: Record<number, string> = {}): string {
  return `${Array.from({ length: 20 }, (_, at) => changed[at] ?? `${name} ${at}`).join('\n')}\n`;
}

/** A commit of the agent. */
export function agentCommit({ layout }: Shared, files: Parameters<typeof commit>[1], subject = 'agent work'): string {
  return commit(layout.workspace, files, subject);
}

/** Merges what is published of the agent's branch, as the forge's button does, and pushes. Answers main's new head. */
export function mergePublished({ human }: Shared, how: 'merge' | 'squash' | 'rebase'): string {
  git(human, 'fetch', '-q', 'origin');
  git(human, 'merge', '-q', '--ff-only', 'origin/main');
  if (how === 'merge') git(human, 'merge', '-q', '--no-ff', '-m', 'merge machine', 'origin/machine');
  if (how === 'squash') {
    git(human, 'merge', '-q', '--squash', 'origin/machine');
    git(human, 'commit', '-q', '-m', 'squash machine');
  }
  if (how === 'rebase') git(human, 'cherry-pick', 'origin/main..origin/machine');
  git(human, 'push', '-q', 'origin', 'main');
  return git(human, 'rev-parse', 'HEAD');
}

export function humanCommit({ human }: Shared, files: Parameters<typeof commit>[1], subject = 'human work'): string {
  const id = commit(human, files, subject);
  git(human, 'push', '-q', 'origin', 'main');
  return id;
}

/** What a promotion does: the commit is live, then it is published. */
export async function promote({ branches, repo }: Shared, id: string): ReturnType<Branches['pushMachine']> {
  await repo.resolve({ commit: id }, never);
  await repo.markLive(id, '');
  return await branches.pushMachine(id, never);
}

export function headOf(repository: string, ref: string): string {
  try {
    return git(repository, 'rev-parse', '--verify', '-q', ref);
  } catch {
    return '';
  }
}

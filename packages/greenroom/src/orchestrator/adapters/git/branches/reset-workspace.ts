import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nulFields } from '../../../../inert-git.ts';
import type { PostponedReason } from '../../../ports.ts';
import { kindOf } from '../files.ts';
import { GitError } from '../git.ts';
import { resolveRef } from '../repo.ts';
import type { BranchContext } from './context.ts';
import { keepCommit, timeStamp } from './rescues.ts';
import { sendCommit, unfinishedOperation, type Workspace } from './workspace.ts';

export interface WorkspaceReset {
  /** Head of the agent's branch, and what it becomes. */
  from: string;
  to: string;
  /** Whether commits of `from` are not merged, so that the agent gets a branch with them. */
  unmerged: boolean;
  busy: () => boolean;
  signal: AbortSignal;
}

export type WorkspaceOutcome = { done: true; rescued: string[] } | { done: false; reason: PostponedReason; detail: string };

const postponed = (reason: PostponedReason, detail: string): WorkspaceOutcome => ({ done: false, reason, detail });

/**
 * Moves the workspace's branch, and its files when that branch is checked out. What is about to change is kept first; then git's own two-way
 * merge replaces the files, which stops at anything that changed meanwhile. The branch moves last: until then the next call begins again.
 */
export async function resetWorkspace(context: BranchContext, workspace: Workspace, request: WorkspaceReset): Promise<WorkspaceOutcome> {
  const index = join(workspace.gitDir, `greenroom-index-${process.pid}`);
  try {
    return await carryOut(context, workspace, request, index);
  } catch (error) {
    if (!(error instanceof GitError) || error.kind === 'aborted') throw error;
    return postponed('workspace_unusable', `${workspace.path} could not be reset: ${error.message}.`);
  } finally {
    for (const file of [index, `${index}.lock`]) await rm(file, { force: true });
  }
}

async function carryOut(context: BranchContext, workspace: Workspace, request: WorkspaceReset, index: string): Promise<WorkspaceOutcome> {
  const { from, to, busy, signal } = request;
  const { git, onBranch } = workspace;
  const branch = `refs/heads/${context.agent}`;
  const rescued: string[] = [];
  const unfinished = onBranch ? await unfinishedOperation(workspace) : '';
  if (unfinished !== '') return postponed('unfinished_operation', `${workspace.path} has an unfinished operation of git (${unfinished}).`);
  const missing = await sendCommit(context, to, `refs/greenroom/${context.human}`, signal);
  if (missing !== '') return postponed('workspace_unusable', `${workspace.path} could not be written: ${missing}.`);

  let saved = from;
  if (onBranch) {
    saved = await saveChanges(context, workspace, request, index);
    if (saved !== from) rescued.push(await keepHere(context, saved, signal));
  }
  if (saved !== from || request.unmerged) {
    const name = await keepThere(context, workspace, saved);
    if (name !== '') rescued.push(name);
  }
  if (signal.aborted) return postponed('aborted', 'The reset was aborted.');
  if (busy()) return postponed('agent_busy', 'The agent has begun to work.');
  // From here on to the end, abort or not: a half-switched working tree and a lock left by a killed git are worse than a short wait.
  const expected = await resolveRef(git, branch);
  if (expected !== from) return postponed('workspace_changed', `${context.agent} moved while it was being reset.`);
  const env = { GIT_INDEX_FILE: index };
  if (onBranch) {
    const switched = await git.run(['read-tree', '-m', '-u', saved, to], { env });
    if (switched.code !== 0) return postponed('workspace_changed', `Files in ${workspace.path} changed while it was being reset.`);
    // Before the branch: whoever commits now commits the new content, instead of undoing it.
    await git.must(['read-tree', to]);
    await git.run(['update-index', '-q', '--refresh']);
  }
  const moved = await git.run(['update-ref', '--create-reflog', '-m', `greenroom: reset to ${context.human}`, branch, to, from]);
  if (moved.code === 0) return { done: true, rescued };
  if (onBranch) {
    await git.run(['read-tree', '-m', '-u', to, saved], { env });
    await git.run(['read-tree', 'HEAD']);
  }
  return postponed('workspace_changed', `${context.agent} moved while it was being reset.`);
}

/** A commit of everything in the working tree that git does not ignore, and of what it ignores where the new head has files; `from` when nothing differs. */
async function saveChanges(
  context: BranchContext,
  { git, path }: Workspace,
  { from, to, signal }: WorkspaceReset,
  index: string,
): Promise<string> {
  const env = { GIT_INDEX_FILE: index };
  const treeOf = (commit: string): Promise<string> => git.text(['rev-parse', `${commit}^{tree}`]);
  const staged = await git.text(['write-tree']);
  await git.must(['read-tree', from], { env, signal });
  await git.must(['add', '-A'], { env, signal });
  const added = nulFields(await git.must(['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--diff-filter=A', from, to]));
  const overwritten: string[] = [];
  for (const name of added) {
    const kind = await kindOf(join(path, name));
    if (kind === 'file' || kind === 'symlink') overwritten.push(name);
  }
  if (overwritten.length > 0) {
    await git.must(['update-index', '--add', '-z', '--stdin'], { env, signal, input: `${overwritten.join('\0')}\0` });
  }
  const tree = await git.text(['write-tree'], { env, signal });
  const base = await treeOf(from);
  if (tree === base && staged === base) return from;
  const parents = ['-p', from];
  if (staged !== base && staged !== tree) {
    parents.push('-p', await git.text(['commit-tree', staged, '-p', from], { input: `Staged changes on ${context.agent}\n` }));
  }
  const message = `Uncommitted changes on ${context.agent}\n\nFound in the workspace and saved before ${context.agent} was set to ${to}.\n`;
  return await git.text(['commit-tree', tree, ...parents], { input: message });
}

/** Keeps a commit of the workspace in the orchestrator's own repository. */
async function keepHere(context: BranchContext, commit: string, signal: AbortSignal): Promise<string> {
  const problem = await context.repo.fetchCommit(commit, 'workspace', signal);
  if (problem !== '') throw new GitError('failed', `uncommitted work could not be fetched: ${problem}`);
  return await keepCommit(context, context.agent, commit);
}

/** A branch in the workspace, so that the agent finds its work. Answers its name; empty when it could not be made, the work is kept here then. */
async function keepThere(context: BranchContext, { git }: Workspace, commit: string): Promise<string> {
  const known = await git.text(['for-each-ref', `--points-at=${commit}`, '--format=%(refname)', 'refs/heads/rescue/']);
  if (known !== '') return (known.split('\n')[0] ?? '').slice('refs/heads/'.length);
  const name = `rescue/${context.agent}-${timeStamp(context.now())}-${commit.slice(0, 7)}`;
  const { code, stderr } = await git.run(['update-ref', `refs/heads/${name}`, commit, '0'.repeat(commit.length)]);
  if (code === 0) return name;
  context.log(`the workspace has no branch ${name}: ${stderr.trim()}`);
  return '';
}

import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { mayBecomeOthers } from '../../../../confine/capabilities.ts';
import { firstLine, nulFields } from '../../../../inert-git.ts';
import { kindOf } from '../files.ts';
import { createGit, type Git } from '../git.ts';
import { asOwner, localSource } from '../remote.ts';
import type { BranchContext } from './context.ts';

/** The agent's clone, through git processes that have no more rights than its owner and run nothing that its configuration names. */
export interface Workspace {
  path: string;
  gitDir: string;
  git: Git;
  /** Whether the agent's branch is what is checked out. */
  onBranch: boolean;
}

/** Files that git keeps while something is half done. */
const UNFINISHED = ['index.lock', 'MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'rebase-merge', 'rebase-apply', 'sequencer'];

/** What the far end of a push into the workspace must not take from the workspace's configuration. */
const RECEIVE_SETTINGS = ['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.alternateRefsCommand=true', 'receive.autogc=false'];

/** Undefined when there is no workspace; a sentence when it cannot be used. */
export async function openWorkspace(context: BranchContext): Promise<Workspace | string | undefined> {
  const path = context.workspace;
  const gitDir = join(path, '.git');
  const kind = await kindOf(gitDir);
  if (kind === 'missing') return undefined;
  if (kind !== 'directory') return `${gitDir} is not a folder, as it would be in a clone.`;
  const owner = await lstat(gitDir);
  const me = process.getuid?.() ?? owner.uid;
  if (owner.uid !== me && !mayBecomeOthers())
    return `${path} belongs to another user (uid ${owner.uid}), so that Greenroom cannot write it.`;
  const through = owner.uid === me ? [] : await asOwner(owner);
  const plain = createGit(context.repo.git.gitDir).with({ gitDir, workTree: path, through, config: ['core.bare=false'] });
  const filters = await filterSettings(plain);
  if (filters === undefined) return `${gitDir}/config names filters in a way that cannot be switched off.`;
  const git = plain.with({ config: filters });
  const head = await git.run(['symbolic-ref', '--quiet', 'HEAD']);
  return { path, gitDir, git, onBranch: head.stdout.toString('utf8').trim() === `refs/heads/${context.agent}` };
}

/** Name of what git has begun there and not finished; empty when there is nothing. */
export async function unfinishedOperation({ gitDir }: Workspace): Promise<string> {
  for (const name of UNFINISHED) {
    if ((await kindOf(join(gitDir, name))) !== 'missing') return name;
  }
  return '';
}

/** Copies a commit with its history into the workspace, where `ref` names it. Answers an empty string, or why not. */
export async function sendCommit(context: BranchContext, commit: string, ref: string, signal: AbortSignal): Promise<string> {
  const { location, options, arguments: how } = await localSource(context.workspace, 'receive-pack', RECEIVE_SETTINGS);
  const args = [
    'push',
    '--quiet',
    '--no-verify',
    '--no-follow-tags',
    '--recurse-submodules=no',
    ...how,
    '--',
    location,
    `+${commit}:${ref}`,
  ];
  const { code, stderr } = await context.git.run(args, { ...options, signal });
  return code === 0 ? '' : firstLine(stderr) || `git push ended with code ${code}`;
}

/** Content is taken as it is on disk: a filter program of the workspace's configuration does not run. */
async function filterSettings(git: Git): Promise<string[] | undefined> {
  const { stdout } = await git.run(['config', '-z', '--name-only', '--get-regexp', '^filter\\.']);
  const drivers = new Set(nulFields(stdout).map((name) => name.slice(0, name.lastIndexOf('.'))));
  if ([...drivers].some((driver) => driver.includes('='))) return undefined;
  // An empty process takes precedence over clean and smudge, and is no program.
  return [...drivers].flatMap((driver) => [`${driver}.process=`, `${driver}.required=false`]);
}

import { lchown, lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bring } from './bring.ts';
import { kindOf } from './files.ts';
import { type Git, GitError, gitIn } from './git.ts';
import { makeFolderIn, removeClone } from './hands.ts';
import { inertGit } from './inert.ts';
import { removeStaleLocks } from './locks.ts';
import { branchRef, commitOf, contains, gitPlace, remoteRef, type WorkspaceOptions } from './place.ts';

/** Named by git when somebody tries: what the agent makes is published by what deploys it. */
const NO_PUSH = '/dev/null/greenroom-publishes-what-it-deploys';
const TEMPORARY = '.workspace-';

export type Opened = { ok: true; git: Git; made: boolean; setAside: string } | { ok: false; problem: string };

/**
 * The agent's clone, made on first use: built beside its place and renamed, so that it is there wholly or not at all. A folder that is no clone (any
 * more) is set aside under another name, never removed. What settings of ours the agent may have changed are as they should be afterwards.
 */
export async function openWorkspace(options: WorkspaceOptions): Promise<Opened> {
  const { workspace, repo } = options.paths;
  if ((await kindOf(repo)) === 'missing') {
    return { ok: false, problem: `There is no repository at ${repo} yet: start the orchestrator once with "greenroom start".` };
  }
  await removeUnfinished(options);
  const foreign = await foreignOwner(options);
  if (foreign !== undefined) {
    return { ok: false, problem: `${workspace} belongs to another user (uid ${foreign}): start the agent as that user.` };
  }
  const setAside = await setAsideBroken(workspace);
  const made = (await kindOf(workspace)) === 'missing';
  if (made) {
    const problem = await makeClone(options);
    if (problem !== '') return { ok: false, problem };
  }
  const locked = await removeStaleLocks(gitIn(workspace), [branchRef(options.agentBranch), remoteRef(options.humanBranch)]);
  if (locked !== '') return { ok: false, problem: `The agent's workspace cannot be used: ${locked}` };
  const git = await inertGit(workspace);
  await configure(git, options);
  return { ok: true, git, made, setAside };
}

/** Brings every branch as the orchestrator knows it. Answers an empty string, or why not. */
export async function fetchBranches(git: Git, { paths }: Pick<WorkspaceOptions, 'paths'>): Promise<string> {
  return await bring(git, paths.repo, ['+refs/remotes/origin/*:refs/remotes/origin/*'], { prune: true });
}

/** Where the agent's branch begins: where it was when it was last seen, or else at the human branch. Empty when there is neither. */
export async function startOf(git: Git, options: WorkspaceOptions): Promise<string> {
  const { agentBranch, humanBranch, paths } = options;
  const seen = 'refs/greenroom/seen';
  // Unknown to the orchestrator is no problem: then it has never seen the branch.
  await bring(git, paths.repo, [`+refs/greenroom/incoming/${agentBranch}:${seen}`]);
  const [last, published] = [await commitOf(git, seen), await commitOf(git, remoteRef(agentBranch))];
  if (last !== '') await git.run(['update-ref', '-d', seen]);
  if (last !== '' && !(await contains(git, published, last))) return last;
  return published || (await commitOf(git, remoteRef(humanBranch)));
}

async function makeClone(options: WorkspaceOptions): Promise<string> {
  const { paths, agentBranch, humanBranch } = options;
  const temporary = join(paths.workspace, '..', `${TEMPORARY}${process.pid}`);
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  if (options.owner) await lchown(temporary, options.owner.uid, options.owner.gid);
  const git = gitIn(temporary);
  try {
    // Without the machine's template: its hooks are not for the agent.
    await git.text(['init', '--quiet', '--template=', `--initial-branch=${agentBranch}`]);
    await makeFolderIn(git, join(git.gitDir, 'info'));
    const problem = await fetchBranches(git, options);
    if (problem !== '') return `The agent's workspace could not be made from ${paths.repo}: ${problem}.`;
    const start = await startOf(git, options);
    if (start === '') return `There is no branch ${humanBranch} yet: commit the app there and push it first.`;
    await git.text(['update-ref', branchRef(agentBranch), start]);
    await git.text(['reset', '--quiet', '--hard', start]);
    await rename(temporary, paths.workspace);
    return '';
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return `The agent's workspace could not be made: ${error.message}.`;
  } finally {
    await removeClone(temporary);
  }
}

/** What a killed runner had begun to make. */
async function removeUnfinished({ paths }: WorkspaceOptions): Promise<void> {
  const parent = join(paths.workspace, '..');
  for (const name of await readdir(parent)) {
    if (name.startsWith(TEMPORARY)) await removeClone(join(parent, name));
  }
}

/** Answers the folder's new name when it was no clone; empty when it is one, or there is nothing. */
async function setAsideBroken(workspace: string): Promise<string> {
  if ((await kindOf(workspace)) === 'missing') return '';
  const git = gitIn(workspace);
  if ((await kindOf(git.gitDir)) === 'directory' && (await git.run(['rev-parse', '--git-dir'])).code === 0) return '';
  if ((await kindOf(workspace)) === 'directory' && (await readdir(workspace)).length === 0) {
    await rmdir(workspace);
    return '';
  }
  const aside = `${workspace}.${new Date().toISOString().replace(/[-:.Z]/g, '')}`;
  await rename(workspace, aside);
  return aside;
}

async function foreignOwner({ paths, owner }: WorkspaceOptions): Promise<number | undefined> {
  const found = await lstat(paths.workspace).catch(() => undefined);
  return found === undefined || found.uid === (owner?.uid ?? process.getuid?.()) ? undefined : found.uid;
}

async function configure(git: Git, options: WorkspaceOptions): Promise<void> {
  const { hooks } = gitPlace(options.paths);
  const settings = await localSettings(git);
  const own = settings.get('core.hookspath') ?? '';
  const wanted: [string, string][] = [
    ['user.name', options.author.name],
    ['user.email', options.author.email],
    // Another user cannot read the repository: its branches are brought here, and fetching finds what was.
    ['remote.origin.url', options.owner ? options.paths.workspace : options.paths.repo],
    ['remote.origin.pushurl', NO_PUSH],
    ['remote.origin.fetch', '+refs/remotes/origin/*:refs/remotes/origin/*'],
    ['core.hooksPath', hooks],
    // Nobody is there to unlock a key.
    ['commit.gpgSign', 'false'],
    ['tag.gpgSign', 'false'],
    // What runs on in the background would outlive the turn.
    ['gc.autoDetach', 'false'],
    ['maintenance.autoDetach', 'false'],
  ];
  // The project's own hooks, set up by its tools since (husky and its like): ours forward to them.
  if (own !== '' && own !== hooks) wanted.unshift(['greenroom.hooksPath', own]);
  for (const [name, value] of wanted) {
    // Git shows names in lower case but for their middle part, of which ours have none with capitals.
    if (settings.get(name.toLowerCase()) !== value) await git.text(['config', '--local', '--replace-all', name, value]);
  }
}

/** What the clone's own configuration says; of several values of one name the last one. Names without a value, which are true, are left out. */
async function localSettings(git: Git): Promise<Map<string, string>> {
  const fields = await git.fields(['config', '--local', '--null', '--list']);
  return new Map(
    fields.flatMap((field): [string, string][] => {
      const end = field.indexOf('\n');
      return end < 0 ? [] : [[field.slice(0, end), field.slice(end + 1)]];
    }),
  );
}

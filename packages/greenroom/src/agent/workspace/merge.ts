import { nulFields } from '../../inert-git.ts';
import type { Git } from './git.ts';
import { move, moveBranch } from './move.ts';
import { commitOf, contains, remoteRef, short, type WorkspaceOptions } from './place.ts';

export type Merged =
  /** Everything of the human branch is in the agent's; `commits` came in just now. */
  | { state: 'merged'; commits: number; human: string }
  | { state: 'conflict'; human: string; files: string[] }
  /** It merges, but not now. */
  | { state: 'left'; human: string; because: string; files: string[] };

/** Merges the human branch into the agent's, which is checked out, when nobody has to decide anything. `trailers`: lines for the merge's message. */
export async function mergeHuman(git: Git, options: WorkspaceOptions, trailers: string): Promise<Merged> {
  const { agentBranch, humanBranch, author } = options;
  const human = await commitOf(git, remoteRef(humanBranch));
  const head = await commitOf(git, 'HEAD');
  if (human === '' || (await contains(git, head, human))) return { state: 'merged', commits: 0, human };
  const commits = Number(await git.text(['rev-list', '--count', `${head}..${human}`]));
  const why = `merge ${humanBranch}`;

  let to = human;
  if (!(await contains(git, human, head))) {
    const tried = await tryMerge(git, head, human);
    if ('conflicts' in tried) return { state: 'conflict', human, files: tried.conflicts };
    if ('problem' in tried) return { state: 'left', human, because: tried.problem, files: [] };
    const message = `Merge ${humanBranch} into ${agentBranch}\n\nBy Greenroom, before the agent's turn: nothing was in conflict.\n\n${trailers}`;
    const env = Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap((role) => [
        [`GIT_${role}_NAME`, author.name],
        [`GIT_${role}_EMAIL`, author.email],
      ]),
    );
    to = await git.text(['commit-tree', tried.tree, '-p', head, '-p', human], { input: message, env });
  }
  const moved = await move(git, { from: head, to }, () => moveBranch(git, agentBranch, { from: head, to }, why));
  return moved.moved ? { state: 'merged', commits, human } : { state: 'left', human, because: moved.because, files: moved.files };
}

/** The merge of two commits as a tree, in no working tree; or the files that somebody has to decide about; or why git cannot tell. */
export async function tryMerge(
  git: Git,
  ours: string,
  theirs: string,
): Promise<{ tree: string } | { conflicts: string[] } | { problem: string }> {
  const { code, stdout, stderr } = await git.run(['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', ours, theirs]);
  const [tree = '', ...files] = nulFields(stdout);
  if (code === 0) return { tree };
  if (code === 1) return { conflicts: [...new Set(files)].sort() };
  return { problem: stderr.includes('unrelated histories') ? 'the branches have no commit in common' : stderr.trim() };
}

/** What the agent has to do about a conflict before anything else. File names are quoted: they are whatever somebody called them. */
export function conflictTask({ human, files }: { human: string; files: string[] }, { humanBranch, agentBranch }: WorkspaceOptions): string {
  return [
    `${humanBranch}, the branch of the people, is at commit ${short(human)} and conflicts with ${agentBranch} in ${named(files)}.`,
    `Run "git merge ${human}", resolve each conflict so that what both sides meant is kept, check that the app still works, and commit.`,
    'Commit or finish first what is not committed. If you cannot resolve it, run "git merge --abort", say why, and go on without it: a person is then told.',
  ].join(' ');
}

const MOST_NAMED = 10;

/** Names of files in a sentence. */
export function named(files: readonly string[]): string {
  const shown = files.slice(0, MOST_NAMED).map((file) => JSON.stringify(file.slice(0, 200)));
  const more = files.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

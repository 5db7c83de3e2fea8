import { join } from 'node:path';
import { nulFields } from '../../inert-git.ts';
import type { WorkspaceCommit, WorkspaceState } from '../runner/ports.ts';
import { kindOf } from './files.ts';
import type { Git } from './git.ts';
import { readIn } from './hands.ts';
import { commitOf } from './place.ts';

/** Of the uncommitted files that are named. */
export const MOST_FILES = 200;

/** Reads only; fast as `git status` is. */
export async function stateOf(git: Git): Promise<WorkspaceState> {
  const args = ['status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=all', '--ignore-submodules=dirty'];
  const [head, entries] = await Promise.all([commitOf(git, 'HEAD'), git.fields(args)]);
  const paths = entries.map((entry) => entry.slice('XY '.length));
  return { head, uncommitted: [...new Set(paths)].sort().slice(0, MOST_FILES) };
}

/** What the ports say of `commitsSince`. */
export async function commitsSince(git: Git, since: string, limit: number): Promise<WorkspaceCommit[]> {
  if (!/^[0-9a-f]{40,64}$/.test(since) || (await commitOf(git, since)) === '') return [];
  const args = [
    'log',
    '-z',
    `--max-count=${limit}`,
    '--topo-order',
    '--diff-merges=first-parent',
    '--no-renames',
    '--no-ext-diff',
    '--no-textconv',
  ];
  // Numbers of a commit follow its line; each line of them has two tabs, and no commit's has any.
  const { code, stdout } = await git.run([...args, '--numstat', '--format=%x01%H %s', `${since}..HEAD`, '--']);
  if (code !== 0) return [];
  const commits: WorkspaceCommit[] = [];
  for (const field of nulFields(stdout)) {
    for (const line of field.split('\n').filter((text) => text !== '')) read(line, commits);
  }
  return commits.reverse();
}

function read(line: string, commits: WorkspaceCommit[]): void {
  if (line.startsWith('\u0001')) {
    const [commit = '', ...words] = line.slice(1).split(' ');
    commits.push({ commit, subject: words.join(' '), files: 0, added: 0, removed: 0 });
    return;
  }
  const last = commits.at(-1);
  const numbers = /^(\d+|-)\t(\d+|-)\t/.exec(line);
  if (!last || !numbers) return;
  last.files += 1;
  last.added += Number(numbers[1]) || 0;
  last.removed += Number(numbers[2]) || 0;
}

/** What somebody has begun in the clone and not finished, as people call it, and how to give it up. */
export async function unfinishedOperation({ gitDir }: Git): Promise<{ name: string; abort: string } | null> {
  for (const [file, name, abort] of [
    ['rebase-merge', 'rebase', 'git rebase --abort'],
    ['rebase-apply', 'rebase', 'git rebase --abort'],
    ['MERGE_HEAD', 'merge', 'git merge --abort'],
    ['CHERRY_PICK_HEAD', 'cherry-pick', 'git cherry-pick --abort'],
    ['REVERT_HEAD', 'revert', 'git revert --abort'],
  ] as const) {
    if ((await kindOf(join(gitDir, file))) !== 'missing') return { name, abort };
  }
  return null;
}

/** Branch that is checked out; empty for a detached head. */
export async function currentBranch(git: Git): Promise<string> {
  const head = (await readIn(git, join(git.gitDir, 'HEAD'))).trim();
  return head.startsWith('ref: refs/heads/') ? head.slice('ref: refs/heads/'.length) : '';
}

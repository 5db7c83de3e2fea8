import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nulFields } from '../../../inert-git.ts';
import { type Git, GitError } from '../git/git.ts';

export interface MergeCheck {
  /**
   * Paths where the tree of `ours` lacks a change that was made between `base` and `theirs`. With `own` lines that `ours` wrote anew in its own way are not
   * lacking: right for whoever knew theirs.
   */
  lacking(base: string, ours: string, theirs: string, how: { own: boolean }): Promise<string[]>;
  close(): Promise<void>;
}

/** Conflicts beyond this many are answered as such, without a look at their lines. */
const MAX_CONFLICTS = 200;

/**
 * Asks git's own merge whether merging would bring anything new: what it brings is what is lacking. The objects that merging writes go to a folder that is
 * removed again.
 */
export async function createMergeCheck(git: Git, signal: AbortSignal): Promise<MergeCheck> {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-gate-'));
  const objects = join(folder, 'objects');
  await mkdir(objects);
  const env = { GIT_OBJECT_DIRECTORY: objects, GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted(join(git.gitDir, 'objects')) };

  const treeOf = (commit: string): Promise<string> => git.text(['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`], { env });
  /** The same trees with exactly one common ancestor: the history between them does not matter here. */
  const synthetic = async (commit: string, parent: string): Promise<string> =>
    await git.text(['commit-tree', await treeOf(commit), ...(parent === '' ? [] : ['-p', parent]), '-m', 'x'], { env, signal });

  const lacking: MergeCheck['lacking'] = async (base, ours, theirs, { own }) => {
    const root = await synthetic(base, '');
    const [left, right] = [await synthetic(ours, root), await synthetic(theirs, root)];
    const { code, stdout, stderr } = await git.run(['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', left, right], {
      env,
      signal,
    });
    if (code !== 0 && code !== 1) throw new GitError('failed', `git merge-tree failed with code ${code}`, stderr);
    const [tree = '', ...conflicting] = stdout
      .toString('utf8')
      .split('\0')
      .filter((field) => field !== '');
    const conflicts = new Set(conflicting);
    const clean = (await names(await treeOf(ours), tree)).filter((path) => !conflicts.has(path));
    const rest: string[] = [];
    for (const [index, path] of [...conflicts].entries()) {
      if (!own || index >= MAX_CONFLICTS || (await lacksLines(path, base, ours, theirs))) rest.push(path);
    }
    if (conflicts.size === 0) return clean;
    // Among conflicts, git may take a deleted file for moved to one that only looks like it.
    const changed = new Set(await names(base, theirs));
    const gone = (await names(ours, theirs, '--diff-filter=A')).filter((path) => changed.has(path));
    return [...clean, ...rest, ...gone];
  };

  /** Paths that differ. */
  async function names(from: string, to: string, ...more: string[]): Promise<string[]> {
    const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--no-ext-diff', '--no-textconv', ...more, from, to, '--'];
    return nulFields(await git.must(args, { env, signal }));
  }

  /** Beside the lines that both changed, is there a change of theirs that ours does not have? */
  async function lacksLines(path: string, base: string, ours: string, theirs: string): Promise<boolean> {
    const contents = await Promise.all(
      [ours, base, theirs].map((commit) => git.run(['cat-file', 'blob', `${commit}:${path}`], { env, signal })),
    );
    const [mine, before, other] = contents;
    if (mine === undefined || before === undefined || other === undefined) return true;
    // A conflict is in one of them at least: none to be read by this name means that the name could not be told, and then nothing is known.
    if ([mine, before, other].every(({ code }) => code !== 0)) return true;
    if (other.code !== 0 || mine.code !== 0) return !(before.code !== 0 && other.code !== 0);
    const files = ['ours', 'base', 'theirs'].map((name) => join(folder, name));
    await Promise.all([mine, before, other].map(({ code, stdout }, at) => writeFile(files[at] ?? '', code === 0 ? stdout : '')));
    const { code, stdout } = await git.run(['merge-file', '-p', '--ours', '--quiet', ...files], { env, signal });
    // Binary files have no lines: an own version of both is an own version.
    if (code > 127 || code < 0) return before.code === 0 && mine.stdout.equals(before.stdout);
    return !stdout.equals(mine.stdout);
  }

  return { lacking, close: () => rm(folder, { recursive: true, force: true }) };
}

/** As git reads one entry of a list that is separated by colons. */
function quoted(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&')}"`;
}

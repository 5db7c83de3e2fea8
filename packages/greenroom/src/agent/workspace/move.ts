import { join } from 'node:path';
import { firstLine, nulFields } from '../../inert-git.ts';
import { kindOf } from './files.ts';
import type { Git } from './git.ts';
import { readIn, removeIn, writeIn } from './hands.ts';
import { branchRef, commitOf } from './place.ts';

/** Below the clone's git folder: what is being done to the working tree, so that the next run can undo half of it. */
const MARK = 'greenroom-move.json';

interface Mark {
  from: string;
  to: string;
}

export type Moved = { moved: true } | { moved: false; because: string; files: string[] };

/**
 * Takes working tree and index from one commit to another, then has `finish` move the branch. What is not committed is carried along where the two
 * commits do not differ; where they do, nothing is done and the files in the way are named. Killed at any point, `repairMove` undoes it.
 */
export async function move(git: Git, { from, to }: Mark, finish: () => Promise<void>): Promise<Moved> {
  const inTheWay = await filesInTheWay(git, from, to);
  if (inTheWay.length > 0) return { moved: false, because: 'changes that are not committed are in the way', files: inTheWay };
  const mark = join(git.gitDir, MARK);
  await writeIn(git, mark, JSON.stringify({ from, to }));
  // Git's own two-way merge: it looks once more, before it writes anything.
  const { code, stderr } = await git.run(['read-tree', '-m', '-u', from, to]);
  if (code === 0) await finish();
  await removeIn(git, mark);
  return code === 0 ? { moved: true } : { moved: false, because: firstLine(stderr) || `git read-tree ended with code ${code}`, files: [] };
}

/** A branch moved from one commit to another, unless somebody else moved it meanwhile. */
export async function moveBranch(git: Git, branch: string, { from, to }: Mark, why: string): Promise<void> {
  await git.text(['update-ref', '--create-reflog', '-m', `greenroom: ${why}`, branchRef(branch), to, from]);
}

/**
 * Undoes a move that a killed runner did not finish: the files that it was about to change, all of which were as committed, are made so again. What
 * is there is kept first as a branch, should anybody have worked in between. Answers the branch's name; empty when there was nothing to keep.
 */
export async function repairMove(git: Git): Promise<string> {
  const mark = await readMark(git);
  if (mark === null) return '';
  const done = (await commitOf(git, 'HEAD')) !== mark.from;
  const kept = done ? '' : await undo(git, mark);
  await removeIn(git, join(git.gitDir, MARK));
  return kept;
}

async function undo(git: Git, { from, to }: Mark): Promise<string> {
  if ((await commitOf(git, to)) === '') return '';
  const touched = await differing(git, from, to);
  const kept = await keepForeign(
    git,
    { from, to },
    touched.map(({ path }) => path),
  );
  const restored = touched.filter(({ status }) => status !== 'A').map(({ path }) => path);
  const added = touched.filter(({ status }) => status === 'A').map(({ path }) => path);
  if (added.length > 0) {
    await git.text(['update-index', '--force-remove', '-z', '--stdin'], { input: nulList(added) });
    for (const path of added) await removeIn(git, join(git.path, path));
  }
  if (restored.length > 0) {
    await git.text(['checkout', '--quiet', from, '--pathspec-from-file=-', '--pathspec-file-nul'], { input: nulList(restored) });
  }
  return kept;
}

/** Files that differ between the commits and are not, in index and working tree, as the first one has them; ignored ones too. */
async function filesInTheWay(git: Git, from: string, to: string): Promise<string[]> {
  const touched = await differing(git, from, to);
  // Else files that were only written anew count as changed.
  await git.run(['update-index', '-q', '--refresh']);
  const changed = new Set(await git.fields(['diff-index', '-z', '--name-only', '--no-renames', from]));
  for (const path of await git.fields(['diff-index', '-z', '--cached', '--name-only', '--no-renames', from])) changed.add(path);
  const found: string[] = [];
  for (const { path, status } of touched) {
    if (changed.has(path) || (status === 'A' && (await isTaken(git, path)))) found.push(path);
  }
  return found;
}

/** Whether something is at the place of a file that is not there yet, or at the place of a folder that leads to it. */
async function isTaken(git: Git, path: string): Promise<boolean> {
  const parts = path.split('/');
  for (let depth = 1; depth < parts.length; depth += 1) {
    const kind = await kindOf(join(git.path, ...parts.slice(0, depth)));
    if (kind === 'missing') return false;
    if (kind !== 'directory') return true;
  }
  return (await kindOf(join(git.path, path))) !== 'missing';
}

async function differing(git: Git, from: string, to: string): Promise<{ status: string; path: string }[]> {
  const fields = nulFields((await git.run(['diff-tree', '-r', '-z', '--name-status', '--no-renames', from, to])).stdout);
  const found: { status: string; path: string }[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) found.push({ status: fields[at] ?? '', path: fields[at + 1] ?? '' });
  return found;
}

/** A branch that holds what is in the working tree, when one of these files is as neither of the commits has it; otherwise empty. */
async function keepForeign(git: Git, { from, to }: Mark, paths: readonly string[]): Promise<string> {
  const index = join(git.gitDir, `greenroom-index-${process.pid}`);
  const env = { GIT_INDEX_FILE: index };
  try {
    await git.text(['read-tree', from], { env });
    await git.text(['add', '--all'], { env });
    const tree = await git.text(['write-tree'], { env });
    const [unlikeFrom, unlikeTo] = [await differing(git, from, tree), await differing(git, to, tree)].map(
      (changes) => new Set(changes.map(({ path }) => path)),
    );
    if (!paths.some((path) => unlikeFrom?.has(path) && unlikeTo?.has(path))) return '';
    const message = 'Work that was not committed, found by Greenroom and kept\n';
    return await keep(git, await git.text(['commit-tree', tree, '-p', from], { input: message }));
  } finally {
    for (const file of [index, `${index}.lock`]) await removeIn(git, file);
  }
}

/** Names a commit by a branch of its own, so that it is not lost. */
export async function keep(git: Git, commit: string): Promise<string> {
  const name = `rescue/${new Date().toISOString().replace(/[-:]|\..*/g, '')}-${commit.slice(0, 7)}`;
  await git.text(['update-ref', branchRef(name), commit]);
  return name;
}

async function readMark(git: Git): Promise<Mark | null> {
  const file = join(git.gitDir, MARK);
  if ((await kindOf(file)) !== 'file') return null;
  try {
    const { from, to } = JSON.parse(await readIn(git, file)) as Partial<Record<string, unknown>>;
    const isId = (value: unknown): value is string => typeof value === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value);
    return isId(from) && isId(to) ? { from, to } : null;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const nulList = (paths: readonly string[]): string => paths.map((path) => `${path}\0`).join('');

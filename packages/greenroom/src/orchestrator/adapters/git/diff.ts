import type { FileDiff } from '@greenroom/sdk/wire';
import { nulFields } from '../../../inert-git.ts';
import { type Git, GitError } from './git.ts';
import { isFullId } from './names.ts';

/** A person looks at some files; nobody reads more than this on a page. */
const MOST_FILES = 300;
const MOST_BYTES = 512 * 1024;
const MOST_LIST_BYTES = 4 * 1024 * 1024;
const OPTIONS = ['-r', '--no-renames', '--no-ext-diff', '--no-textconv', '--no-color', '--no-abbrev'];

export type CommitsDiff = { ok: true; files: FileDiff[]; more: number } | { ok: false; error: string };

/**
 * What `commit` has that `base` has not, to be looked at: nothing is decided by it. An empty `base` is a tree without files. Long diffs are cut at the
 * end, which `omitted` and `more` say. A sentence when one of both commits is not here (any more).
 */
export async function diffCommits(git: Git, base: string, commit: string): Promise<CommitsDiff> {
  for (const id of [base, commit]) {
    if (id !== '' && !(isFullId(id) && (await git.run(['cat-file', '-e', `${id}^{commit}`])).code === 0))
      return { ok: false, error: `Commit ${id.slice(0, 10)} is not in the repository any more.` };
  }
  const from = base === '' ? await git.text(['hash-object', '-t', 'tree', '--stdin']) : base;
  try {
    const list = await git.must(['diff-tree', ...OPTIONS, '--raw', '--numstat', '-z', from, commit, '--'], { maxBytes: MOST_LIST_BYTES });
    const entries = readList(nulFields(list));
    const patch = await readPatch(git, ['diff-tree', ...OPTIONS, '--patch', from, commit, '--']);
    return { ok: true, files: withPatches(entries.slice(0, MOST_FILES), patch), more: Math.max(0, entries.length - MOST_FILES) };
  } catch (error) {
    if (error instanceof GitError && error.kind === 'too_much_output')
      return { ok: false, error: 'More files differ than can be shown: compare the commits with git.' };
    throw error;
  }
}

interface Entry {
  path: string;
  change: FileDiff['change'];
  /** Its patch comes in two parts: a file became a link, or the other way round. */
  twice: boolean;
  added: number;
  removed: number;
}

/** First the raw entries, then the numbers of lines, both in the order of the patch. */
function readList(fields: readonly string[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] ?? '';
    if (field.startsWith(':')) {
      const path = fields[++index] ?? '';
      const letter = field.at(-1);
      const change = letter === 'A' ? 'added' : letter === 'D' ? 'removed' : 'changed';
      entries.set(path, { path, change, twice: letter === 'T', added: 0, removed: 0 });
      continue;
    }
    const [added = '', removed = '', ...path] = field.split('\t');
    const entry = entries.get(path.join('\t'));
    if (!entry) continue;
    // Git writes dashes for what it takes to be no text.
    entry.added = Number(added) || 0;
    entry.removed = Number(removed) || 0;
  }
  return [...entries.values()];
}

async function readPatch(git: Git, args: readonly string[]): Promise<{ text: string; cut: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onChunk = (chunk: Buffer): boolean => {
    chunks.push(chunk);
    bytes += chunk.length;
    return bytes < MOST_BYTES;
  };
  let cut = false;
  try {
    await git.must(args, { onChunk });
  } catch (error) {
    if (!(error instanceof GitError && error.kind === 'ended_by_caller')) throw error;
    cut = true;
  }
  return { text: Buffer.concat(chunks).subarray(0, MOST_BYTES).toString('utf8'), cut };
}

/** Told apart by their order alone: lines of a file have a sign before them, so that only git begins one with `diff --git`; paths are not read. */
function withPatches(entries: readonly Entry[], { text, cut }: { text: string; cut: boolean }): FileDiff[] {
  const parts = text === '' ? [] : text.split(/\n(?=diff --git )/);
  let next = 0;
  return entries.map(({ twice, ...file }) => {
    const own = parts.slice(next, next + (twice ? 2 : 1));
    next += twice ? 2 : 1;
    const complete = own.length === (twice ? 2 : 1) && !(cut && next >= parts.length);
    const hunks = own.map(hunksOf).filter((one) => one !== '');
    // Binary files: git compares everything here, whatever a commit says of itself.
    const diff = hunks.some((one) => one.includes('\0')) ? '' : hunks.join('\n');
    return complete ? { ...file, diff } : { ...file, diff, cut: true as const };
  });
}

function hunksOf(part: string): string {
  const begin = part.search(/^@@ /m);
  return begin < 0 ? '' : part.slice(begin).replace(/\n$/, '');
}

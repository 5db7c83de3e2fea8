import type { Failure } from '@greenroom/sdk/wire';
import { type DiffEntry, type LineCount, SUBMODULE, SYMLINK } from './diff.ts';
import { nameOf } from './names.ts';

/** A tree may name the same few bytes ten million times; no app has this many files. */
const MAX_DEPLOY_FILES = 1_000_000;
/** Symbolic links are looked at one by one. */
const MAX_LINKS = 20_000;
const MEGABYTE = 1024 * 1024;

/** Pictures, sound, fonts and archives. */
const MEDIA =
  /\.(png|jpe?g|gif|webp|avif|ico|bmp|tiff?|heic|mp3|mp4|m4a|ogg|oga|ogv|wav|flac|webm|mov|avi|woff2?|ttf|otf|eot|pdf|zip|gz|tgz|bz2|xz|zst|7z|wasm)$/i;

/** Whether the name is that of a picture or the like: binary ones have no lines, and counting their newline bytes would refuse a photograph. */
export function isMedia(path: string): boolean {
  return MEDIA.test(path);
}

/**
 * Refuses a change of any protected path: added, changed, deleted, or a new kind of file. Upper and lower case and Unicode forms are the same.
 * `commit` is the one that made the change, when that is another than the candidate.
 */
export function protectedPaths(diff: readonly DiffEntry[], protectedList: readonly string[], commit = ''): Failure | undefined {
  const listed = protectedList.map((entry) => ({ entry, folded: fold(entry.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')) }));
  for (const { path } of diff) {
    const folded = fold(path);
    // What stands where a protected path has a folder, such as a link, decides what is found at that path.
    const rule = listed.find(
      (each) =>
        folded === each.folded || folded.startsWith(`${each.folded}/`) || each.folded.startsWith(`${folded}/`) || each.folded === '',
    );
    if (rule === undefined) continue;
    return {
      code: 'gate_protected_path',
      error: `The commit${commit === '' ? '' : ` ${commit.slice(0, 10)} on the way to it`} changes "${path}", which the contract protects (protected_paths: "${rule.entry}").`,
      evidence: {
        rule: `protected_paths: ${rule.entry}`,
        file: path,
        ...(commit === '' ? {} : { commit }),
        remedy:
          commit === ''
            ? `Leave "${path}" as it is in the live release. The operator may change it by taking it off protected_paths for that deploy.`
            : `Rebuild the branch without that commit ("git rebase"), so that no commit that would be pushed changes "${path}".`,
      },
    };
  }
  return undefined;
}

/** Refuses links that lead out of the release: what they point at is read, served and written with the app's rights. */
export function linkOutside(path: string, target: string): Failure {
  return {
    code: 'gate_protected_path',
    error: `The symbolic link "${path}" leads out of the release, to ${target}: the app would read, serve or overwrite what is there.`,
    evidence: {
      rule: 'symlink_outside',
      file: path,
      remedy: 'Let the link lead to a file of the commit, or name the folder in shared_paths so that Greenroom mounts it.',
    },
  };
}

/** Added and removed lines together; `uncounted` paths are binary. */
export function diffLines(
  counts: readonly LineCount[],
  limit: number,
  uncounted: ReadonlySet<string>,
): { failure: Failure | undefined; lines: number } {
  const counted = counts.filter(({ path }) => !uncounted.has(path));
  const lines = counted.reduce((sum, each) => sum + each.added + each.removed, 0);
  if (lines <= limit) return { failure: undefined, lines };
  const largest = counted.reduce((most, each) => (each.added + each.removed > most.added + most.removed ? each : most));
  const failure: Failure = {
    code: 'gate_diff_lines',
    error: `The change is ${lines} lines long; the contract allows ${limit} (max_diff_lines). The most are in "${largest.path}": ${largest.added + largest.removed}.`,
    evidence: { rule: `max_diff_lines: ${limit}`, file: largest.path, remedy: 'Deploy it in smaller steps, or raise max_diff_lines.' },
  };
  return { failure, lines };
}

/** Refuses what a push would add to the remote for good, even when a later commit takes it out again. */
export function addedSize(blobs: readonly { path: string; size: number; commit: string }[], limitMb: number): Failure | undefined {
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  if (bytes <= limitMb * MEGABYTE) return undefined;
  const largest = blobs.reduce((most, each) => (each.size > most.size ? each : most));
  return {
    code: 'gate_deploy_size',
    error: `The commits that would be pushed add ${(bytes / MEGABYTE).toFixed(1)} MB, also what later commits take out again; the contract allows ${limitMb} MB (max_deploy_size_mb). The largest is "${largest.path}" with ${(largest.size / MEGABYTE).toFixed(1)} MB, of commit ${largest.commit.slice(0, 10)}.`,
    evidence: {
      rule: `max_deploy_size_mb: ${limitMb}`,
      file: largest.path,
      commit: largest.commit,
      remedy: 'Squash or rebase the commits so that none of them holds the large files, or raise max_deploy_size_mb.',
    },
  };
}

interface TreeLink {
  path: string;
  id: string;
}

interface SizeTally {
  /** Takes the next piece of `ls-tree -r -l -z` output. Answers false as soon as the verdict is certain. */
  add(chunk: Uint8Array): boolean;
  result(): { failure: Failure | undefined; bytes: number; files: number; links: TreeLink[]; submodules: string[] };
}

/** Sums the sizes of a tree while git lists it, in constant memory: the tree may be built to be endless. */
export function sizeTally(limitMb: number): SizeTally {
  const limit = limitMb * MEGABYTE;
  let rest = '';
  let bytes = 0;
  let files = 0;
  let largest = { path: '', size: 0 };
  let nested = '';
  const links: TreeLink[] = [];
  const submodules: string[] = [];
  const many = (): boolean => files > MAX_DEPLOY_FILES || links.length > MAX_LINKS;
  const exceeded = (): boolean => bytes > limit || many() || nested !== '';
  const add: SizeTally['add'] = (chunk) => {
    const entries = (rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1')).split('\0');
    rest = entries.pop() ?? '';
    for (const entry of entries) {
      const tab = entry.indexOf('\t');
      const [mode, , id = '', bytesText] = entry.slice(0, tab).split(/ +/);
      const path = entry.slice(tab + 1);
      const size = Number(bytesText) || 0;
      files += 1;
      bytes += size;
      if (mode === SYMLINK) links.push({ path: nameOf(path), id });
      if (mode === SUBMODULE) submodules.push(nameOf(path));
      if (NESTED_GIT.test(path)) nested = nameOf(path);
      if (size > largest.size) largest = { path: nameOf(path), size };
      if (exceeded()) return false;
    }
    return true;
  };
  const failure = (): Failure | undefined => {
    if (!exceeded()) return undefined;
    if (nested !== '') return nestedGit(nested);
    if (many()) {
      const limits = `more than ${files > MAX_DEPLOY_FILES ? `${MAX_DEPLOY_FILES} files` : `${MAX_LINKS} symbolic links`}`;
      const remedy = 'Take generated files out of the repository.';
      return { code: 'gate_deploy_size', error: `The commit has ${limits}.`, evidence: { rule: 'max_deploy_files', remedy } };
    }
    return {
      code: 'gate_deploy_size',
      error: `The commit's files take more than ${limitMb} MB (max_deploy_size_mb). The largest so far is "${largest.path}" with ${(largest.size / MEGABYTE).toFixed(1)} MB.`,
      evidence: {
        rule: `max_deploy_size_mb: ${limitMb}`,
        ...(largest.path === '' ? {} : { file: largest.path }),
        remedy: 'Take large files out of the commit, or raise max_deploy_size_mb.',
      },
    };
  };
  return { add, result: () => ({ failure: failure(), bytes, files, links, submodules }) };
}

/** `.git` and the names that some file systems take for it. */
const NESTED_GIT = /(?:^|\/)(?:\.git|git~1)(?:\/|$)/i;

function nestedGit(path: string): Failure {
  return {
    code: 'gate_protected_path',
    error: `The commit holds "${path}", a file of a git repository's own folder.`,
    evidence: { rule: 'nested_git', file: path, remedy: 'Take the folder out of the commit.' },
  };
}

function fold(path: string): string {
  return path.normalize('NFC').toLowerCase().normalize('NFC');
}

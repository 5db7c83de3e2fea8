import type { Failure } from '@greenroom/sdk/wire';
import type { DiffEntry, LineCount } from './diff.ts';

/** A tree may name the same few bytes ten million times; no app has this many files. */
const MAX_DEPLOY_FILES = 1_000_000;
const MEGABYTE = 1024 * 1024;

/** Pictures, sound, fonts and archives have no lines; counting their newline bytes would refuse a photograph. */
const MEDIA =
  /\.(png|jpe?g|gif|webp|avif|ico|bmp|tiff?|heic|mp3|mp4|m4a|ogg|oga|ogv|wav|flac|webm|mov|avi|woff2?|ttf|otf|eot|pdf|zip|gz|tgz|bz2|xz|zst|7z|wasm)$/i;

/** Refuses a change of any protected path: added, changed, deleted, or a new kind of file. Upper and lower case and Unicode forms are the same. */
export function protectedPaths(diff: readonly DiffEntry[], protectedList: readonly string[]): Failure | undefined {
  const listed = protectedList.map((entry) => ({ entry, folded: fold(entry.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')) }));
  for (const { path } of diff) {
    const folded = fold(path);
    const rule = listed.find((each) => folded === each.folded || folded.startsWith(`${each.folded}/`) || each.folded === '');
    if (rule === undefined) continue;
    return {
      code: 'gate_protected_path',
      error: `The commit changes "${path}", which the contract protects (protected_paths: "${rule.entry}").`,
      evidence: {
        rule: `protected_paths: ${rule.entry}`,
        file: path,
        remedy: `Leave "${path}" as it is in the live release. The operator may change it by taking it off protected_paths for that deploy.`,
      },
    };
  }
  return undefined;
}

/** Added and removed lines together. */
export function diffLines(counts: readonly LineCount[], limit: number): { failure: Failure | undefined; lines: number } {
  const counted = counts.filter(({ path }) => !MEDIA.test(path));
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

interface SizeTally {
  /** Takes the next piece of `ls-tree -r -l -z` output. Answers false as soon as the verdict is certain. */
  add(chunk: Uint8Array): boolean;
  result(): { failure: Failure | undefined; bytes: number; files: number };
}

/** Sums the sizes of a tree while git lists it, in constant memory: the tree may be built to be endless. */
export function sizeTally(limitMb: number): SizeTally {
  const limit = limitMb * MEGABYTE;
  let rest = '';
  let bytes = 0;
  let files = 0;
  let largest = { path: '', size: 0 };
  const decoder = new TextDecoder();
  const exceeded = (): boolean => bytes > limit || files > MAX_DEPLOY_FILES;
  const add: SizeTally['add'] = (chunk) => {
    const entries = (rest + decoder.decode(chunk, { stream: true })).split('\0');
    rest = entries.pop() ?? '';
    for (const entry of entries) {
      const tab = entry.indexOf('\t');
      const size = Number(entry.slice(0, tab).split(/ +/)[3]) || 0;
      files += 1;
      bytes += size;
      if (size > largest.size) largest = { path: entry.slice(tab + 1), size };
      if (exceeded()) return false;
    }
    return true;
  };
  const result: SizeTally['result'] = () => {
    if (!exceeded()) return { failure: undefined, bytes, files };
    const many = files > MAX_DEPLOY_FILES;
    const failure: Failure = {
      code: 'gate_deploy_size',
      error: many
        ? `The commit has more than ${MAX_DEPLOY_FILES} files.`
        : `The commit's files take more than ${limitMb} MB (max_deploy_size_mb). The largest so far is "${largest.path}" with ${(largest.size / MEGABYTE).toFixed(1)} MB.`,
      evidence: {
        rule: many ? 'max_deploy_files' : `max_deploy_size_mb: ${limitMb}`,
        ...(largest.path === '' ? {} : { file: largest.path }),
        remedy: many ? 'Take generated files out of the repository.' : 'Take large files out of the commit, or raise max_deploy_size_mb.',
      },
    };
    return { failure, bytes, files };
  };
  return { add, result };
}

function fold(path: string): string {
  return path.normalize('NFC').toLowerCase().normalize('NFC');
}

/** One path of a diff, as git's raw format tells it: nothing is parsed out of a patch, and renames are a deletion and an addition. */
export interface DiffEntry {
  path: string;
  /** Octal as git writes it: 100644, 100755, 120000 (symbolic link), 160000 (submodule), 000000 (not there). */
  oldMode: string;
  newMode: string;
  oldId: string;
  newId: string;
}

export interface LineCount {
  path: string;
  added: number;
  removed: number;
}

/** What one commit changed, compared with every parent that it has. */
export interface CommitChange {
  commit: string;
  /** Paths that are as in none of the parents: for a merge, only its own resolution. The first parent's side is the old one. */
  entries: DiffEntry[];
  /** For each path of `entries`, the blobs that the parents had there. */
  oldIds: Map<string, string[]>;
  /** Every blob that a parent had and that this commit changed, moved or deleted. */
  removedIds: string[];
}

const HEADER = /^:([0-7]{6}) ([0-7]{6}) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

export const SYMLINK = '120000';
export const SUBMODULE = '160000';
export const ABSENT = '000000';

export function isFile(mode: string): boolean {
  return mode.startsWith('100');
}

/** Reads the fields of `diff-tree -r --raw -z --no-renames --no-abbrev`. Throws on anything else: a gate that misreads must not pass. */
export function parseRawDiff(fields: readonly string[]): DiffEntry[] {
  const entries: DiffEntry[] = [];
  for (let at = 0; at < fields.length; at += 2) entries.push(entryOf(fields[at], fields[at + 1]));
  return entries;
}

/** Reads the fields of `diff-tree --stdin -r -m --root --raw -z --no-renames --no-abbrev`; `parents` says how many parents each commit has. */
export function parseCommitDiffs(fields: readonly string[], parents: ReadonlyMap<string, number>): CommitChange[] {
  const diffs = new Map<string, DiffEntry[][]>();
  let current: DiffEntry[] | undefined;
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at] ?? '';
    if (COMMIT.test(field)) {
      current = [];
      diffs.set(field, [...(diffs.get(field) ?? []), current]);
    } else {
      if (current === undefined) throw new Error(`Unexpected line in git's raw diff: ${field}`);
      at += 1;
      current.push(entryOf(field, fields[at]));
    }
  }
  return [...diffs].map(([commit, sides]) => changeOf(commit, sides, Math.max(1, parents.get(commit) ?? 1)));
}

/** Reads the fields of `diff-tree -r --numstat -z --no-renames`. */
export function parseLineCounts(fields: readonly string[]): LineCount[] {
  return fields.map((field) => {
    const [, added, removed, path] = /^(\d+|-)\t(\d+|-)\t([\s\S]+)$/.exec(field) ?? [];
    if (added === undefined || removed === undefined || path === undefined) throw new Error(`Unexpected line in git's numstat: ${field}`);
    return { path, added: Number(added) || 0, removed: Number(removed) || 0 };
  });
}

function entryOf(header: string | undefined, path: string | undefined): DiffEntry {
  const [, oldMode, newMode, oldId, newId] = HEADER.exec(header ?? '') ?? [];
  if (!oldMode || !newMode || !oldId || !newId || path === undefined) throw new Error(`Unexpected line in git's raw diff: ${header}`);
  return { path, oldMode, newMode, oldId, newId };
}

/** git leaves out a parent that the commit does not differ from: then nothing of it is new. */
function changeOf(commit: string, sides: DiffEntry[][], parents: number): CommitChange {
  const removedIds = sides.flatMap((side) =>
    side.filter(({ oldMode }) => isFile(oldMode) || oldMode === SYMLINK).map(({ oldId }) => oldId),
  );
  const oldIds = new Map<string, string[]>();
  if (sides.length < parents) return { commit, entries: [], oldIds, removedIds };
  const changed = sides.map((side) => new Map(side.map((entry) => [entry.path, entry])));
  const entries = (sides[0] ?? []).filter(({ path }) => changed.every((side) => side.has(path)));
  for (const { path } of entries) {
    const olds = changed.flatMap((side) => side.get(path) ?? []);
    oldIds.set(
      path,
      olds.filter(({ oldMode }) => isFile(oldMode) || oldMode === SYMLINK).map(({ oldId }) => oldId),
    );
  }
  return { commit, entries, oldIds, removedIds };
}

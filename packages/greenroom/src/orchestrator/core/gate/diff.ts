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

/** Reads the fields of `diff-tree -r --raw -z --no-renames --no-abbrev`. Throws on anything else: a gate that misreads must not pass. */
export function parseRawDiff(fields: readonly string[]): DiffEntry[] {
  const entries: DiffEntry[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const header = /^:([0-7]{6}) ([0-7]{6}) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*$/.exec(fields[at] ?? '');
    const path = fields[at + 1];
    const [, oldMode, newMode, oldId, newId] = header ?? [];
    if (!oldMode || !newMode || !oldId || !newId || path === undefined) throw new Error(`Unexpected line in git's raw diff: ${fields[at]}`);
    entries.push({ path, oldMode, newMode, oldId, newId });
  }
  return entries;
}

/** Reads the fields of `diff-tree -r --numstat -z --no-renames`. */
export function parseLineCounts(fields: readonly string[]): LineCount[] {
  return fields.map((field) => {
    const [, added, removed, path] = /^(\d+|-)\t(\d+|-)\t([\s\S]+)$/.exec(field) ?? [];
    if (added === undefined || removed === undefined || path === undefined) throw new Error(`Unexpected line in git's numstat: ${field}`);
    return { path, added: Number(added) || 0, removed: Number(removed) || 0 };
  });
}

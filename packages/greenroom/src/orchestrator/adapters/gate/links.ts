import { SUBMODULE } from '../../core/gate/diff.ts';
import { leadsOutside } from '../../core/gate/links.ts';
import { nameOf } from '../../core/gate/names.ts';
import { linkOutside, sizeTally } from '../../core/gate/rules.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { GateRequest } from '../../ports.ts';
import { type Git, GitError } from '../git/git.ts';
import { objectBatches } from './blobs.ts';
import type { Range } from './range.ts';

export interface Links {
  /** Every symbolic link of the tree, path to target. */
  links: ReadonlyMap<string, string>;
  submodules: readonly string[];
}

/** Reads the targets of links. */
export async function linksOf(git: Git, links: readonly { path: string; id: string }[], signal: AbortSignal): Promise<Map<string, string>> {
  const targets = new Map<string, string>();
  for await (const batch of objectBatches(git, [...new Set(links.map(({ id }) => id))], signal)) {
    for (const { id, bytes } of batch) targets.set(id, nameOf(Buffer.from(bytes.buffer).toString('latin1')));
  }
  return new Map(links.map(({ path, id }) => [path, targets.get(id) ?? '']));
}

/**
 * Refuses links that lead out of the release and did not in the live one. A change of one link can turn another, so all of the tree are followed.
 * Submodules stay empty folders in a slot: they are named, and refused when an agent adds one.
 */
export async function searchLinks(git: Git, { live, signal }: GateRequest, range: Range, tree: Links): Promise<Result<string>> {
  const escaping = [...tree.links]
    .map(([path]) => ({ path, target: leadsOutside(path, tree.links) }))
    .filter(({ target }) => target !== '');
  if (escaping.length > 0) {
    const before = live === '' ? new Map<string, string>() : await liveLinks(git, live, signal);
    const fresh = escaping.find(
      ({ path }) => !before.has(path) || before.get(path) !== tree.links.get(path) || leadsOutside(path, before) === '',
    );
    if (fresh !== undefined) return fail(linkOutside(fresh.path, fresh.target));
  }
  const added = range.net.find(({ newMode, oldMode }) => newMode === SUBMODULE && oldMode !== SUBMODULE);
  if (added !== undefined && range.fromAgent && live !== '') {
    return fail({
      code: 'gate_protected_path',
      error: `The commit adds a submodule at "${added.path}": code from another repository, which the gate cannot look at and a slot does not get.`,
      evidence: { rule: 'submodule', file: added.path, remedy: 'Use a package, or copy the files into the repository.' },
    });
  }
  const notes: string[] = [];
  if (escaping.length > 0) notes.push(`${escaping.length} symbolic links out of the release, as in the live one`);
  if (tree.submodules.length > 0) notes.push(`submodules stay empty folders: ${tree.submodules.slice(0, 3).join(', ')}`);
  return ok(notes.join(', '));
}

async function liveLinks(git: Git, live: string, signal: AbortSignal): Promise<Map<string, string>> {
  const tally = sizeTally(Number.MAX_SAFE_INTEGER);
  try {
    await git.must(['ls-tree', '-r', '-l', '-z', '--full-tree', live], { signal, onChunk: tally.add });
  } catch (error) {
    if (!(error instanceof GitError) || error.kind !== 'ended_by_caller') throw error;
  }
  return await linksOf(git, tally.result().links, signal);
}

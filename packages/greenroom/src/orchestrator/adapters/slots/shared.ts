import { lstat, readlink, rmdir, symlink, unlink } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import type { Failure } from '@greenroom/sdk/wire';
import { kindOf } from '../git/files.ts';
import { moveAside, type SlotContext } from './context.ts';

export interface SharedPath {
  /** Relative to the slot, without a trailing slash. */
  path: string;
  directory: boolean;
}

/** The contract's `shared_paths`, checked: relative, inside the slot, none inside another. A string says what is wrong. */
export function parseSharedPaths(paths: readonly string[]): SharedPath[] | string {
  const parsed: SharedPath[] = [];
  for (const given of paths) {
    const path = posix.normalize(given).replace(/\/$/, '');
    const parts = path.split('/');
    const bad = path === '.' || path.startsWith('/') || parts.includes('..') || parts[0]?.toLowerCase() === '.git' || hasControl(path);
    if (bad) return `shared_paths: "${given}" is not a path inside the app's folder`;
    parsed.push({ path, directory: given.endsWith('/') || !posix.basename(path).includes('.') });
  }
  const unique = parsed.filter((each, index) => parsed.findIndex((other) => other.path === each.path) === index);
  // What lies below a shared folder is shared already.
  return unique.filter((each) => !unique.some((other) => each.path.startsWith(`${other.path}/`)));
}

/** Paths of the commit that must be looked up before anything is checked out: the shared path itself and every folder above it. */
export function pathsToCheck(shared: readonly SharedPath[]): string[] {
  return shared.flatMap(({ path }) => {
    const parts = path.split('/');
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  });
}

/** Refuses a commit whose own files are in the way. `types` holds git's object type of each path that the commit has. */
export function refuseTracked(shared: readonly SharedPath[], types: ReadonlyMap<string, string>): Failure | undefined {
  for (const { path } of shared) {
    if (types.has(path)) {
      return refusal(
        `The commit tracks "${path}", which the contract lists in shared_paths: the shared data and the commit's files cannot both be there.`,
        path,
        `git rm -r --cached -- '${path}', add /${path} to .gitignore and commit; or take it off shared_paths.`,
      );
    }
    for (const parent of parentsOf(path)) {
      const type = types.get(parent);
      if (type !== undefined && type !== 'tree') {
        return refusal(
          `"${parent}" is not a folder in the commit, so the shared path "${path}" cannot be mounted below it.`,
          parent,
          `Make "${parent}" a real folder (no symbolic link), or take "${path}" off shared_paths.`,
        );
      }
    }
  }
  return undefined;
}

/** Puts a symbolic link to the store at every shared path. Never follows a link that the commit or the app put on the way. Repeatable. */
export async function mountShared(context: SlotContext, shared: readonly SharedPath[]): Promise<Failure | undefined> {
  const { inSlot, inStore } = context.folders;
  for (const { path, directory } of shared) {
    const target = join(context.layout.shared, path);
    const blocked = (await makeParents(context.layout.shared, path, inStore)) ?? (await makeParents(context.directory, path, inSlot));
    if (blocked !== undefined) {
      return refusal(
        `The shared path "${path}" cannot be mounted: ${blocked} is not a real folder.`,
        path,
        `Remove ${blocked}, then deploy again.`,
      );
    }
    if (directory && (await kindOf(target)) === 'missing') await inStore(target);
    await link(context, path, target);
  }
  return undefined;
}

async function link(context: SlotContext, path: string, target: string): Promise<void> {
  const place = join(context.directory, path);
  const kind = await kindOf(place);
  if (kind === 'symlink') {
    if ((await readlink(place)) === target) return;
    await unlink(place);
  } else if (kind !== 'missing' && !(kind === 'directory' && (await removedEmpty(place)))) {
    // Data from before the path was shared: it stays, but not here.
    await moveAside(context, path);
  }
  await symlink(target, place);
}

/** Makes the folders above a path, one by one. Answers the first that is something else, a symbolic link for one. */
async function makeParents(root: string, path: string, make: (folder: string) => Promise<void>): Promise<string | undefined> {
  await make(root);
  for (const parent of parentsOf(path)) {
    const folder = join(root, parent);
    const kind = await kindOf(folder);
    if (kind === 'missing') await make(folder);
    else if (!(await lstat(folder)).isDirectory()) return folder;
  }
  return undefined;
}

async function removedEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') return false;
    throw error;
  }
}

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = dirname(path); at !== '.'; at = dirname(at)) parents.unshift(at);
  return parents;
}

function refusal(error: string, file: string, remedy: string): Failure {
  return { code: 'slot_failed', error, evidence: { rule: 'shared_paths', file, remedy } };
}

function hasControl(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\u007f');
}

import { constants, type Stats } from 'node:fs';
import { access, lchown, lstat, readlink, realpath, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fail, ok, type Result } from '../../core/result.ts';
import { internalSocketOf, type Layout } from '../../layout.ts';

const SUFFIX = '.sock';

/** The contract's `internal_socket`: a link to the socket of the live instance, so that a swap is a rename. */
export interface InternalLink {
  /** Why the link cannot be there, as a sentence; empty when it can. */
  problem(): Promise<string>;
  /**
   * From now on the path leads to the instance, or is not there: for null, and for an instance without such a socket. Fails with `promote_failed`, and
   * then nothing has changed. Repeatable, also after a crash half-way. What is not this app's link is left alone.
   */
  point(instance: string | null): Promise<Result<void>>;
  /** The instance that it leads to; null when it leads to none. */
  current(): Promise<string | null>;
}

type LinkPlaces = Pick<Layout, 'data' | 'internalSockets' | 'internalSocket'>;

export function createInternalLink(path: string, layout: LinkPlaces): InternalLink {
  const temporary = `${path}.new`;

  async function problem(): Promise<string> {
    const folder = dirname(path);
    const real = await realOr(folder, '');
    if (real === '') return `The folder ${folder} of internal_socket is not there: make it, so that this user may write in it.`;
    const data = await realOr(layout.data, layout.data);
    const place = join(real, basename(path));
    if (isInside(place, data) && place !== join(data, relative(layout.data, layout.internalSocket)))
      return `internal_socket ${path} lies in the app's data directory, where only ${layout.internalSocket} is a place for it: take that, or one outside ${layout.data}.`;
    const found = await whatIsThere(path);
    if (found !== '')
      return `At ${path}, the internal_socket of the contract, there is ${found}, which is left alone: choose another path, or remove it.`;
    const refused = await access(real, constants.W_OK | constants.X_OK).then(() => '', describe);
    return refused && `This user may not write in ${folder}, the folder of internal_socket: ${refused}.`;
  }

  /** Empty for nothing, and for this app's own link. */
  async function whatIsThere(at: string): Promise<string> {
    const found = await lstat(at).catch(absent);
    if (!found) return '';
    if (!found.isSymbolicLink()) return found.isDirectory() ? 'a folder' : found.isSocket() ? "another program's socket" : 'a file';
    const target = await readlink(at);
    return (await leadsToOurs(target)) ? '' : `a link to ${target}`;
  }

  async function leadsToOurs(target: string): Promise<boolean> {
    const folder = dirname(target);
    if (folder === layout.internalSockets) return true;
    return (await realOr(folder, folder)) === (await realOr(layout.internalSockets, layout.internalSockets));
  }

  async function current(): Promise<string | null> {
    const target = await readlink(path).catch(absent);
    return target !== null && (await leadsToOurs(target)) ? basename(target, SUFFIX) : null;
  }

  async function pointAt(instance: string | null): Promise<Result<void>> {
    const target = instance === null ? null : internalSocketOf(layout, instance);
    const socket = target && (await lstat(target).catch(absent));
    if (!target || !socket) {
      if ((await current()) !== null) await rm(path, { force: true });
      return ok(undefined);
    }
    if ((await current()) === instance) return ok(undefined);
    const wrong = await problem();
    if (wrong) return fail({ code: 'promote_failed', error: wrong });
    await own(target, socket);
    // Of a run that died in between.
    if ((await whatIsThere(temporary)) === '') await rm(temporary, { force: true });
    await symlink(target, temporary);
    await rename(temporary, path);
    return ok(undefined);
  }

  return {
    problem,
    current,
    point: (instance) =>
      pointAt(instance).catch((error: Error) => {
        // What the operating system refuses (a full or read-only disk) is no bug.
        if (!('syscall' in error)) throw error;
        return fail({ code: 'promote_failed', error: `The link ${path} could not be set: ${error.message}` });
      }),
  };
}

/**
 * A socket that the app's user made becomes this user's, and stays one that the app's group may use: so whoever else of this user's asks there, such as
 * the chat, needs no special right to. Where that is not allowed it stays as it is.
 */
async function own(path: string, { uid, gid }: Stats): Promise<void> {
  const me = process.geteuid?.() ?? uid;
  if (me === uid) return;
  await lchown(path, me, gid).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM') throw error;
  });
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function realOr(path: string, otherwise: string): Promise<string> {
  return realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    return otherwise;
  });
}

function absent(error: NodeJS.ErrnoException): null {
  // EINVAL: no link. ENOTDIR: part of the path is a file.
  if (error.code !== 'ENOENT' && error.code !== 'EINVAL' && error.code !== 'ENOTDIR') throw error;
  return null;
}

function describe(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}

import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { octal, type Place } from './places.ts';

/** What is not as it has to be. `mendable` when that can be put right without a look at what it is. */
export interface Wrong {
  place: Place;
  /** A phrase: "belongs to user 0, and not to 998". */
  says: string;
  mendable: boolean;
}

/** Looks at each place without following links. What is missing and is made later is no finding. */
export async function examinePlaces(places: readonly Place[]): Promise<Wrong[]> {
  const found: Wrong[] = [];
  for (const place of places) {
    const stats = await lookAt(place.path);
    if (stats === undefined && !place.made) continue;
    const says = stats === undefined ? 'is missing' : judge(place, stats);
    if (says !== '') found.push({ place, says, mendable: stats === undefined || isKind(place, stats) });
  }
  return found;
}

/**
 * Puts a place right, by way of the open file, so that whatever is put in its place meanwhile is not changed. Throws the system's error, also for a
 * link (`ELOOP`, `ENOTDIR`).
 */
export async function mendPlace({ path, kind, uid, gid, mode, made }: Place): Promise<void> {
  if (made && kind === 'folder') await mkdir(path, { mode: 0o700 }).catch(ignore('EEXIST'));
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | (kind === 'folder' ? constants.O_DIRECTORY : 0);
  const handle: FileHandle | undefined = await open(path, flags).catch(ignore('ENOENT'));
  if (handle === undefined) return;
  try {
    const stats = await handle.stat();
    if (!isKind({ kind }, stats)) throw Object.assign(new Error(`${path} is no ${kind}`), { code: 'EINVAL', syscall: 'open' });
    if (stats.uid !== uid || stats.gid !== gid) await handle.chown(uid, gid);
    // After it: a change of owner takes the special bits away.
    await handle.chmod(mode);
  } finally {
    await handle.close();
  }
}

function judge(place: Place, stats: Stats): string {
  if (!isKind(place, stats)) return `is no ${place.kind}`;
  if (place.kind === 'file' && stats.nlink > 1) return 'has a second name somewhere, by which others may reach it';
  if (stats.uid !== place.uid && !(place.trusted && stats.uid === 0)) return `belongs to user ${stats.uid}, and not to ${place.uid}`;
  // A group without rights may be any.
  if (stats.gid !== place.gid && (place.mode & 0o070) !== 0) return `belongs to group ${stats.gid}, and not to ${place.gid}`;
  const mode = stats.mode & 0o7777;
  return mode === place.mode ? '' : `has the mode ${octal(mode)}, and not ${octal(place.mode)}`;
}

function isKind({ kind }: Pick<Place, 'kind'>, stats: Stats): boolean {
  return kind === 'folder' ? stats.isDirectory() : stats.isFile();
}

async function lookAt(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(ignore('ENOENT'));
}

const ignore =
  (code: string) =>
  (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error;
  };

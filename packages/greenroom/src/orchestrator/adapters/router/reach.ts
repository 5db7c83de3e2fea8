import { readFileSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Layout } from '../../layout.ts';

export interface User {
  uid: number;
  /** Null when they are not known: then a group's right counts as the user's. */
  gids: readonly number[] | null;
}

/**
 * Why a proxy of this user does not get to the app's sockets, for people; empty when it does, or nobody knows. Connecting needs the right to pass through
 * every folder above. `name` begins the sentence: "nginx's workers".
 */
export async function whyUnreachable(
  name: string,
  user: User | null,
  { data, sockets }: Pick<Layout, 'data' | 'sockets'>,
): Promise<string> {
  if (!user || user.uid === 0) return '';
  await mkdir(sockets, { recursive: true, mode: 0o755 });
  const barred: string[] = [];
  for (let folder = sockets; ; folder = dirname(folder)) {
    if (!(await mayPass(user, folder))) barred.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  if (barred.length === 0) return '';
  const elsewhere = `/var/lib/greenroom/${basename(data)}`;
  return (
    `${name} (user id ${user.uid}) cannot reach the app's sockets in ${sockets}: that user may not pass through ${barred.join(', ')}. ` +
    `Allow it with: chmod o+x ${barred.join(' ')}. Or use a data directory elsewhere, made before Greenroom makes it: ` +
    `install -d -m 711 ${elsewhere}, then --data ${elsewhere}`
  );
}

export function userOf(pid: number): User | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const numbers = (field: string): number[] =>
      (new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).filter(Boolean).map(Number);
    // The second of the four is the one that counts.
    const [, uid] = numbers('Uid');
    const [, gid] = numbers('Gid');
    return uid === undefined || gid === undefined ? null : { uid, gids: [gid, ...numbers('Groups')] };
  } catch (error) {
    // It ended a moment ago.
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

async function mayPass({ uid, gids }: User, folder: string): Promise<boolean> {
  const { mode, uid: owner, gid: group } = await stat(folder);
  if (uid === owner) return (mode & 0o100) !== 0;
  if (gids === null) return (mode & 0o011) !== 0;
  if (gids.includes(group)) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

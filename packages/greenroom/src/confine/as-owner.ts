import { lstat } from 'node:fs/promises';
import { asUser } from './as-user.ts';
import { mayBecomeOthers } from './capabilities.ts';
import type { Layer } from './command.ts';

/**
 * What to start a command within that works in a folder which somebody else may have written: nobody's rights but its owner's. None where this process
 * owns it, or could not become its owner, or there is no such folder. The folder's own name has to lie in a folder of ours.
 */
export async function asOwnerOf(folder: string): Promise<Layer[]> {
  const owner = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    return undefined;
  });
  return owner === undefined || owner.uid === process.getuid?.() || !mayBecomeOthers() ? [] : [asUser(owner)];
}

import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Change } from '../../isolation/ownership.ts';

/** Greenroom's own folders above the data directory, which its users have to go through: what is in them stays private. */
export async function openHome(home: string, data: string): Promise<Change[]> {
  const changes: Change[] = [];
  for (let at = dirname(data); at === home || at.startsWith(`${home}/`); at = dirname(at)) {
    if (((await lstat(at)).mode & 0o001) !== 0) continue;
    changes.unshift({ says: `let users go through ${at} (chmod o+x)`, make: async () => await letThrough(at) });
  }
  return changes;
}

async function letThrough(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.chmod(((await handle.stat()).mode & 0o7777) | 0o001);
  } finally {
    await handle.close();
  }
}

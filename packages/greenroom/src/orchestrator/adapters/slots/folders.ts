import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { confine, type Layer } from '../../../confine/command.ts';

const execute = promisify(execFile);

/** Makes folders where others work, with those above them. None of it is an error when it is there. */
export interface Folders {
  inSlot(path: string): Promise<void>;
  /** In the store of shared paths. */
  inStore(path: string): Promise<void>;
}

export const ownFolders: Folders = {
  inSlot: async (path) => void (await mkdir(path, { recursive: true })),
  inStore: async (path) => void (await mkdir(path, { recursive: true })),
};

/** For the slot's setup user its group's, whatever the mask of this process is; for the store as the app's user makes them. */
export function foldersOfOthers(app: readonly Layer[]): Folders {
  return {
    inSlot: async (path) => {
      const before = process.umask(0o002);
      try {
        mkdirSync(path, { recursive: true });
      } finally {
        process.umask(before);
      }
    },
    inStore: async (path) => {
      const { file, args } = confine({ file: 'mkdir', args: ['-p', '--', path] }, app);
      await execute(file, args, { cwd: '/' });
    },
  };
}

/** What git is started through, so that the setup user's group may change what is checked out. */
export const GROUP_WRITABLE: readonly string[] = ['/bin/sh', '-c', 'umask 002 && exec "$@"', 'sh'];

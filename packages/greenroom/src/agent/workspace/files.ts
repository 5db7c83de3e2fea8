import { lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a name stands for, without following it. */
export async function kindOf(path: string): Promise<'missing' | 'file' | 'directory' | 'symlink' | 'other'> {
  try {
    const found = await lstat(path);
    if (found.isDirectory()) return 'directory';
    if (found.isSymbolicLink()) return 'symlink';
    return found.isFile() ? 'file' : 'other';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
    throw error;
  }
}

/** Old content or new one, whole, whatever happens: temp, fsync, rename, fsync of the folder. */
export async function writeDurably(file: string, content: string, mode = 0o600): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await using handle = await open(temporary, 'w', mode);
    await handle.writeFile(content);
    // Whatever the umask is.
    await handle.chmod(mode);
    await handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await rename(temporary, file);
  await using folder = await open(dirname(file), 'r');
  await folder.sync();
}

import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A folder by its path, from the working directory, or by its `file:` URL, from a module: `new URL('./migrations', import.meta.url)`. */
export type Folder = string | URL;

export function pathOf(folder: Folder): string {
  return folder instanceof URL ? fileURLToPath(folder) : folder;
}

/** Names of the files of a folder, sorted by code unit, without those that begin with a dot. Rejects with a sentence when there is no such folder. */
export async function filesOf(folder: Folder): Promise<string[]> {
  const entries = await entriesOf(folder);
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
}

export async function foldersOf(folder: Folder): Promise<string[]> {
  const entries = await entriesOf(folder);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function entriesOf(folder: Folder) {
  const path = pathOf(folder);
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw new Error(`The folder of migrations ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
}

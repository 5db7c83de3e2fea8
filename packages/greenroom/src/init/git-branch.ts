import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The branch that people push to: `main` when there is one, else the one checked out; `main` when that cannot be known. Runs no git. */
export async function readHumanBranch(directory: string): Promise<string> {
  const read = (path: string): Promise<string> => readFile(join(directory, '.git', path), 'utf8').catch(absent);
  const branch = /^ref: refs\/heads\/(\S+)\s*$/.exec(await read('HEAD'))?.[1] ?? 'main';
  const hasMain = (await read('refs/heads/main')) !== '' || / refs\/heads\/main$/m.test(await read('packed-refs'));
  return hasMain ? 'main' : branch;
}

/** Not a repository, or a part of it that is not there. */
function absent(error: unknown): string {
  if (error instanceof Error && 'code' in error) return '';
  throw error;
}

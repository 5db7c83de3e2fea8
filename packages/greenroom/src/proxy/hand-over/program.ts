import { realpath, stat } from 'node:fs/promises';
import type { ProxyUpgradeBody } from '@greenroom/sdk/proxy';
import type { Parsed } from '../bodies.ts';

/** Nobody but these may say what runs in the place of the proxy. */
const OTHERS_MAY_WRITE = 0o002;

/** Node and the proxy's program of the installation that is meant, this process's own where none is. What somebody else could have put there is refused. */
export async function programOf({
  node = process.execPath,
  main = process.argv[1] ?? '',
}: ProxyUpgradeBody): Promise<Parsed<[string, string]>> {
  for (const file of [node, main]) {
    const problem = await problemOf(file);
    if (problem) return { ok: false, error: `${file} ${problem}` };
  }
  return { ok: true, value: [node, main] };
}

async function problemOf(file: string): Promise<string> {
  try {
    const found = await stat(await realpath(file));
    if (!found.isFile()) return 'is not a file';
    if (found.uid !== 0 && found.uid !== process.getuid?.()) return 'is neither of the user that the proxy runs as nor of root';
    return found.mode & OTHERS_MAY_WRITE ? 'can be written by everybody' : '';
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
}

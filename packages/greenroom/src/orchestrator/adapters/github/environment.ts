import { open } from 'node:fs/promises';

const READABLE_BY_OTHERS = 0o077;

/**
 * A secret from the variable `name`, or from the file that `name_FILE` names: one secret per file, as systemd's and Docker's credentials are. The file must
 * be readable by its owner only. Empty when neither is set; what is wrong goes to `problems`, as sentences without the value.
 */
export async function readVariable(env: NodeJS.Dict<string>, name: string, problems: string[]): Promise<string> {
  const value = env[name]?.trim() ?? '';
  const path = env[`${name}_FILE`]?.trim() ?? '';
  return value !== '' || path === '' ? value : readSecretFile(`${name}_FILE`, path, problems);
}

async function readSecretFile(variable: string, path: string, problems: string[]): Promise<string> {
  if (path === '') return '';
  try {
    await using handle = await open(path, 'r');
    if (((await handle.stat()).mode & READABLE_BY_OTHERS) !== 0) {
      problems.push(`${path} (${variable}) can be read by others than its owner. Run: chmod 600 '${path}'`);
      return '';
    }
    const value = (await handle.readFile('utf8')).trim();
    if (value === '') problems.push(`${path} (${variable}) is empty.`);
    return value;
  } catch (error) {
    problems.push(`${path} (${variable}) cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return '';
  }
}

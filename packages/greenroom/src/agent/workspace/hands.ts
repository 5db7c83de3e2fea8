import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { asOwnerOf } from '../../confine/as-owner.ts';
import { confine } from '../../confine/command.ts';
import { kindOf, writeDurably } from './files.ts';
import { type Git, GitError } from './git.ts';

const execute = promisify(execFile);
const LONGEST_MS = 60_000;
const MOST_BYTES = 1024 * 1024;

// Changes to files inside the clone. Where it belongs to another user, that user's rights make them: a link put in the way then leads to nothing
// that its owner could not have changed anyway.

/** Old content or new one, whole. */
export async function writeIn(git: Pick<Git, 'path'>, file: string, text: string): Promise<void> {
  const script = 'cat >"$1.new" && mv -f -- "$1.new" "$1"';
  if (!(await asOwner(git, ['/bin/sh', '-c', script, 'sh', file], text)).done) await writeDurably(file, text);
}

/** With all that is in it; nothing there is no error. */
export async function removeIn(git: Pick<Git, 'path'>, file: string): Promise<void> {
  if (!(await asOwner(git, ['rm', '-rf', '--', file])).done) await rm(file, { recursive: true, force: true });
}

export async function makeFolderIn(git: Pick<Git, 'path'>, folder: string): Promise<void> {
  if (!(await asOwner(git, ['mkdir', '-p', '--', folder])).done) await mkdir(folder, { recursive: true });
}

/** Throws the system's error when there is no such file, as `GitError` where another user's rights read it. */
export async function readIn(git: Pick<Git, 'path'>, file: string): Promise<string> {
  const read = await asOwner(git, ['cat', '--', file]);
  return read.done ? read.stdout : await readFile(file, 'utf8');
}

/** Removes a whole clone, whose own name lies in a folder of ours. */
export async function removeClone(path: string): Promise<void> {
  if ((await kindOf(path)) === 'directory' && (await asOwner({ path }, ['find', path, '-mindepth', '1', '-delete'])).done)
    await rmdir(path);
  else await rm(path, { recursive: true, force: true });
}

async function asOwner(
  { path }: Pick<Git, 'path'>,
  [program = '', ...rest]: readonly string[],
  input = '',
): Promise<{ done: false } | { done: true; stdout: string }> {
  const layers = await asOwnerOf(path);
  if (layers.length === 0) return { done: false };
  const { file, args } = confine({ file: program, args: rest }, layers);
  const running = execute(file, args, { cwd: '/', timeout: LONGEST_MS, killSignal: 'SIGKILL', maxBuffer: MOST_BYTES });
  running.child.stdin?.on('error', () => running.child.stdin?.destroy()).end(input);
  try {
    return { done: true, stdout: (await running).stdout };
  } catch (error) {
    throw new GitError(`${program} in ${path} failed: ${String((error as { stderr?: unknown }).stderr).trim()}`);
  }
}

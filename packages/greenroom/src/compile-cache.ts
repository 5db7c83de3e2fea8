import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Has Node keep what it compiles, which halves the time until the first line. Whoever writes into the folder decides what runs, so it is one of the
 * user's own: Node's default, a fixed name in `/tmp`, belongs to the user who is there first. `NODE_COMPILE_CACHE` names another. Call it before
 * anything large is loaded. Without a folder that is safe nothing is kept, and nothing is said: a command is only slower then.
 */
export function keepCompiled(env: NodeJS.ProcessEnv = process.env): void {
  // Node has read it already, before the first module.
  if (env['NODE_COMPILE_CACHE']) return;
  const folder = ownFolder(join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'greenroom', 'compile-cache'));
  if (folder !== undefined) enableCompileCache(folder);
}

/** The folder without symbolic links, made with mode 0700 when it is missing; undefined when anybody but this user and root could write or replace it. */
export function ownFolder(path: string): string | undefined {
  try {
    // As root in another user's home: nothing is left there either.
    if (!isGuarded(closest(path))) return undefined;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const folder = realpathSync(path);
    return isGuarded(folder) && statSync(folder).uid === process.getuid?.() ? folder : undefined;
  } catch {
    // A home that is missing, or read-only: there is no place for it.
    return undefined;
  }
}

/** The path, or the first folder above it that is there, without symbolic links. */
function closest(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false })) return realpathSync(path);
  return closest(dirname(path));
}

/** Whether the folder and all above it belong to this user or root, and nobody else may write there. In a sticky folder nobody replaces what is another's. */
function isGuarded(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    const { uid, mode } = statSync(path);
    if (uid !== 0 && uid !== process.getuid?.()) return false;
    const isShared = (mode & 0o022) !== 0;
    if (isShared && ((mode & 0o1000) === 0 || path === folder)) return false;
    if (path === dirname(path)) return true;
  }
}

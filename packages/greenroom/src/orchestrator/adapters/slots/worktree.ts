import { link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nulFields } from '../../../inert-git.ts';
import { syncFolder, writeDurably } from '../durable.ts';
import { kindOf } from '../git/files.ts';
import { isFullId } from '../git/names.ts';
import { isWithin, moveAside, type SlotContext } from './context.ts';

/**
 * Makes sure that the slot's folder and its git directory exist and belong together, whatever the app did to them, and removes locks that a
 * killed git left. Answers whether the folder holds nothing yet.
 */
export async function ensureWorktree(context: SlotContext, commit: string): Promise<{ empty: boolean }> {
  const { directory, admin } = context;
  const kind = await kindOf(directory);
  if (kind === 'missing') await context.folders.inSlot(directory);
  else if (kind !== 'directory')
    await rename(directory, `${directory}.replaced-${Date.now()}`).then(() => context.folders.inSlot(directory));
  if ((await kindOf(join(admin, 'HEAD'))) !== 'file') await createAdmin(context, commit);
  for (const name of await readdir(admin)) {
    if (name.endsWith('.lock')) await rm(join(admin, name), { force: true });
  }
  await ensureGitFile(context);
  return { empty: (await readdir(directory)).every((name) => name === '.git') };
}

/** The commit that the slot's HEAD names; empty when it names none. */
export async function readHead(context: SlotContext): Promise<string> {
  const text = (await readFile(join(context.admin, 'HEAD'), 'utf8')).trim();
  if (isFullId(text)) return text;
  const { code, stdout } = await context.git.run(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  const answer = stdout.toString('utf8').trim();
  return code === 0 && isFullId(answer) ? answer : '';
}

/** For a HEAD that names nothing that is here: the index that belonged to it says nothing either. */
export async function resetHead(context: SlotContext, commit: string): Promise<void> {
  await writeDurably(join(context.admin, 'HEAD'), `${commit}\n`);
  await rm(join(context.admin, 'index'), { force: true });
}

/** Files that git neither tracks nor ignores; nested repositories end in a slash. */
export async function listUntracked(context: SlotContext, excluded: readonly string[], signal?: AbortSignal): Promise<string[]> {
  const args = ['ls-files', '--others', '--exclude-standard', '-z'];
  const first = await context.git.run(args, { signal });
  // An index that cannot be read is only a cache of what is on disk.
  if (first.code !== 0 && /index/i.test(first.stderr)) await rm(join(context.admin, 'index'), { force: true });
  const output = first.code === 0 ? first.stdout : await context.git.must(args, { signal });
  return nulFields(output).filter((path) => !isWithin(path, excluded));
}

/** Everything that git does not track, ignored or not, with whole folders as one entry. */
export async function listUntrackedCollapsed(context: SlotContext, excluded: readonly string[]): Promise<string[]> {
  const output = await context.git.must(['ls-files', '--others', '--directory', '--no-empty-directory', '-z']);
  return nulFields(output).filter((path) => path !== './' && !isWithin(path, excluded));
}

interface UsualCheckout {
  excluded: readonly string[];
  /** Paths that differ between the commits. */
  changed: readonly string[];
  signal: AbortSignal;
}

/**
 * The checkout for the usual case, that nobody edited anything: git itself looks for edits on its one pass over the files, and refuses to
 * overwrite any, tracked or not; untracked files are looked for at the same time. Answers false, with every edit still there, when there are some.
 */
export async function checkoutIfClean(
  context: SlotContext,
  commit: string,
  { excluded, changed, signal }: UsualCheckout,
): Promise<boolean> {
  const index = join(context.admin, `before-index-${process.pid}`);
  await rm(index, { force: true });
  if ((await kindOf(join(context.admin, 'index'))) !== 'file') return false;
  // Git replaces its index by renaming a new one into place: the link keeps the old.
  await link(join(context.admin, 'index'), index);
  const checkout = ['checkout', '--detach', '--no-overwrite-ignore', '--no-recurse-submodules', commit, '--'];
  const list = ['ls-files', '--others', '--exclude-standard', '-z'];
  const [checkedOut, listed] = await Promise.allSettled([
    context.git.run(checkout, { signal }),
    context.git.run(list, { signal, env: { GIT_INDEX_FILE: index } }),
  ]);
  await rm(index, { force: true });
  if (checkedOut.status === 'rejected') throw checkedOut.reason;
  if (listed.status === 'rejected') throw listed.reason;
  if (checkedOut.value.code !== 0 || checkedOut.value.stdout.length > 0 || listed.value.code !== 0) return false;
  const written = new Set(changed);
  return nulFields(listed.value.stdout).every((path) => written.has(path) || isWithin(path, excluded));
}

/** Puts every tracked file to the commit's content, and removes what is neither tracked nor ignored. */
export async function checkoutForced(
  context: SlotContext,
  commit: string,
  excluded: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const args = ['checkout', '--quiet', '--force', '--detach', '--no-recurse-submodules', commit, '--'];
  const options = { signal, config: ['checkout.workers=0'] };
  await context.git.must(args, options);
  if ((await listUntracked(context, excluded, signal)).length > 0) await clean(context, excluded, signal);
}

async function clean(context: SlotContext, excluded: readonly string[], signal?: AbortSignal): Promise<void> {
  for (const path of await listUntracked(context, excluded, signal)) {
    // A nested repository holds commits of its own.
    if (path.endsWith('/')) await moveAside(context, path.slice(0, -1));
  }
  await context.git.must(['clean', '-ffdq'], { signal });
}

/** Written by hand, aside, and renamed: `git worktree add` is not atomic and refuses a folder that exists. */
async function createAdmin(context: SlotContext, commit: string): Promise<void> {
  const { admin, directory } = context;
  await rm(admin, { recursive: true, force: true });
  const temporary = `${admin}.new`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await writeDurably(join(temporary, 'commondir'), '../..\n');
  await writeDurably(join(temporary, 'gitdir'), `${join(directory, '.git')}\n`);
  await writeDurably(join(temporary, 'HEAD'), `${commit}\n`);
  await rename(temporary, admin);
  await syncFolder(dirname(admin));
}

/** The `.git` file is for people who look into a slot; Greenroom itself never reads it. */
async function ensureGitFile(context: SlotContext): Promise<void> {
  const file = join(context.directory, '.git');
  const wanted = `gitdir: ${context.admin}\n`;
  const kind = await kindOf(file);
  if (kind === 'file' && (await readFile(file, 'utf8')) === wanted) return;
  // A folder here may be a repository with commits of its own.
  if (kind === 'directory') await moveAside(context, '.git');
  else if (kind !== 'missing') await rm(file);
  const handle = await open(file, 'wx');
  await handle.writeFile(wanted).finally(() => handle.close());
}

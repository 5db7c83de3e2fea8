import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { kindOf } from '../git/files.ts';
import type { SlotContext } from './context.ts';

const execute = promisify(execFile);
/** `cp` and `find` say little; their messages come out in English. */
const TOOL_OPTIONS = { env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' }, maxBuffer: 1024 * 1024 };

/**
 * Results of setup are shared between the slots by hard links: 30,000 files in half a second and no space. A file that is written in place
 * would change in both slots, therefore `breakLinks` gives a slot copies of its own before a setup command may write there, and caches, which
 * running apps write, are never shared.
 */
export async function carryOutputs(context: SlotContext, from: string, outputs: readonly string[], signal: AbortSignal): Promise<boolean> {
  const wanted = await existing(from, outputs);
  if (await tiedToPlace(from, wanted, signal)) return false;
  // A link that an earlier setup left there would lead what is carried out of the slot.
  for (const path of wanted) if (!(await realParents(context.directory, path, ['directory', 'missing']))) return false;
  const staging = join(context.layout.run, `carry-${context.slot}`);
  await rm(staging, { recursive: true, force: true });
  for (const path of wanted) {
    if (basename(path) === '.cache') continue;
    const staged = join(staging, path);
    await mkdir(dirname(staged), { recursive: true });
    await execute('cp', ['-al', '--', join(from, path), staged], { ...TOOL_OPTIONS, signal });
    // What setup made is perhaps a link, to a folder that is somebody else's.
    if ((await kindOf(staged)) === 'directory') await rm(join(staged, '.cache'), { recursive: true, force: true });
    await replace(context, path, staged);
  }
  await rm(staging, { recursive: true, force: true });
  return true;
}

/** Replaces hard-linked results by copies, so that a setup command that writes in place changes this slot only. */
export async function breakLinks(context: SlotContext, outputs: readonly string[], signal: AbortSignal): Promise<void> {
  const staging = join(context.layout.run, `carry-${context.slot}`);
  await rm(staging, { recursive: true, force: true });
  for (const path of await existing(context.directory, outputs)) {
    const staged = join(staging, path);
    await mkdir(dirname(staged), { recursive: true });
    await execute('cp', ['-a', '--', join(context.directory, path), staged], { ...TOOL_OPTIONS, signal });
    await replace(context, path, staged);
  }
  await rm(staging, { recursive: true, force: true });
}

/** Folder of what is being removed; taking 30,000 files away takes seconds, renaming them none. */
export function trashOf(run: string): string {
  return join(run, 'trash');
}

export async function discard(context: SlotContext, paths: readonly string[]): Promise<void> {
  const trash = trashOf(context.layout.run);
  await mkdir(trash, { recursive: true });
  for (const path of await existing(context.directory, paths)) {
    await rename(join(context.directory, path), join(trash, randomBytes(8).toString('hex')));
  }
}

async function replace(context: SlotContext, path: string, staged: string): Promise<void> {
  await discard(context, [path]);
  const place = join(context.directory, path);
  await context.folders.inSlot(dirname(place));
  await rename(staged, place);
}

/** Paths without their trailing slash that are there, and that no symbolic link leads away from. */
async function existing(root: string, paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths.map((each) => each.replace(/\/$/, ''))) {
    if ((await kindOf(join(root, path))) !== 'missing' && (await realParents(root, path))) found.push(path);
  }
  return found;
}

async function realParents(root: string, path: string, may: readonly string[] = ['directory']): Promise<boolean> {
  for (let at = dirname(path); at !== '.'; at = dirname(at)) {
    if (!may.includes(await kindOf(join(root, at)))) return false;
  }
  return true;
}

/** Virtual environments and links with the slot's own path in them would run the other slot's code. */
async function tiedToPlace(root: string, paths: readonly string[], signal: AbortSignal): Promise<boolean> {
  if (paths.length === 0) return false;
  const places = paths.map((path) => join(root, path));
  const pattern = `${root.replace(/[\\*?[\]]/g, '\\$&')}/*`;
  const tests = ['(', '-name', 'pyvenv.cfg', '-o', '-lname', pattern, ')', '-print', '-quit'];
  const { stdout } = await execute('find', [...places, ...tests], { ...TOOL_OPTIONS, signal });
  return stdout !== '';
}

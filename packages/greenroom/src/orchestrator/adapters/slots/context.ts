import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SlotName } from '@greenroom/sdk/wire';
import type { Confined } from '../../../confine/confinement.ts';
import type { Limiter } from '../../../confine/limiter.ts';
import type { Masker } from '../../../masking/masker.ts';
import type { Contract } from '../../core/contract.ts';
import type { Layout } from '../../layout.ts';
import { writeDurably } from '../durable.ts';
import { kindOf } from '../git/files.ts';
import type { Git } from '../git/git.ts';
import { type Folders, GROUP_WRITABLE, ownFolders } from './folders.ts';

/** One slot and what works on it. Made for one preparation. */
export interface SlotContext {
  slot: SlotName;
  /** The app's name, after which its images are named. */
  app: string;
  directory: string;
  /** The worktree's own git directory, inside the bare repository. */
  admin: string;
  /** Git on the bare repository, and on this slot. */
  bare: Git;
  git: Git;
  layout: Layout;
  contract: Contract;
  /** What the setup command is started within. */
  setup: Confined;
  folders: Folders;
  log: (message: string) => void;
  /** What the setup command may use. */
  limiter?: Limiter;
  /** Hides secrets in what is logged of setup. */
  masker: () => Masker;
  /** File of patterns that git takes for ignored in this slot: shared paths and what setup made. */
  excludes: string;
}

export function slotContext(parts: Omit<SlotContext, 'admin' | 'directory' | 'git' | 'excludes'>): SlotContext {
  const { slot, layout, bare } = parts;
  const directory = layout.slot(slot);
  const admin = join(layout.repo, 'worktrees', `deploy-${slot}`);
  const excludes = join(layout.run, `exclude-${slot}`);
  const config = ['core.bare=false', `core.excludesFile=${excludes}`];
  const through = parts.folders === ownFolders ? [] : GROUP_WRITABLE;
  return { ...parts, directory, admin, excludes, git: bare.with({ gitDir: admin, workTree: directory, config, through }) };
}

export async function writeExcludes(context: SlotContext, paths: readonly string[]): Promise<void> {
  await writeIfNew(
    context.excludes,
    paths.map((path) => `${excludePattern(path)}\n`),
  );
}

/** Spares the usual deploy, where nothing changed, the wait for the disk. */
export async function writeIfNew(file: string, lines: readonly string[]): Promise<void> {
  const content = lines.join('');
  if ((await kindOf(file)) === 'file' && (await readFile(file, 'utf8')) === content) return;
  await writeDurably(file, content);
}

/** A pattern of `.gitignore` syntax that matches exactly this path. */
export function excludePattern(path: string): string {
  return `/${path
    .replace(/\/$/, '')
    .replace(/[\\*?[\]]/g, '\\$&')
    .replace(/ $/, '\\ ')}`;
}

/** Whether a path is one of those listed, or lies below one. */
export function isWithin(path: string, listed: readonly string[]): boolean {
  const bare = path.replace(/\/$/, '');
  return listed.some((each) => {
    const entry = each.replace(/\/$/, '');
    return bare === entry || bare.startsWith(`${entry}/`);
  });
}

/** Moves something that git cannot store out of the slot, to `rescue/` in the data directory, where it stays. Answers its new place. */
export async function moveAside(context: SlotContext, path: string): Promise<string> {
  const stamp = `${timeStamp(new Date())}-${context.slot}-${process.hrtime.bigint().toString(36)}`;
  const target = join(context.layout.data, 'rescue', stamp, path);
  await mkdir(dirname(target), { recursive: true });
  await rename(join(context.directory, path), target);
  context.log(`slot ${context.slot}: moved ${path} to ${target}`);
  return target;
}

/** UTC, as it may stand in a ref or file name: `20250131T235959Z`. */
export function timeStamp(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d+/g, '');
}

import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nulFields } from '../../../inert-git.ts';
import { kindOf } from '../git/files.ts';
import type { Git } from '../git/git.ts';
import { isWithin, moveAside, type SlotContext, timeStamp } from './context.ts';
import { listUntracked } from './worktree.ts';

interface RescueRequest {
  /** What HEAD names; empty when it names nothing. */
  head: string;
  /** The commit that the slot was left with; another HEAD means that somebody committed there. */
  recorded: string;
  /** A checkout between these commits was interrupted: half-written files of it are no edits. */
  interrupted?: { from: string; to: string } | undefined;
  /** The commit that is about to be checked out: ignored files that it tracks are saved too. */
  next: string;
  excluded: readonly string[];
  signal?: AbortSignal | undefined;
}

const ZERO = '0'.repeat(40);

/** Saves what a forced checkout would destroy. Answers the ref that holds it now, empty when there was nothing to save. */
export async function rescue(context: SlotContext, request: RescueRequest): Promise<string> {
  const { head, recorded, signal } = request;
  for (const path of await listUntracked(context, request.excluded, signal)) {
    if (path.endsWith('/')) await moveAside(context, path.slice(0, -1));
  }
  const index = join(context.admin, `rescue-index-${process.pid}`);
  try {
    const tree = await treeOfSlot(context, request, index);
    const committed = head !== '' && recorded !== '' && head !== recorded && head !== request.interrupted?.to;
    const base = head === '' ? '' : await context.bare.text(['rev-parse', `${head}^{tree}`]);
    if (tree === base) return committed ? await keep(context, head, head) : '';
    const message = [
      `Uncommitted changes of slot ${context.slot}`,
      '',
      `Found in ${context.directory}, which was at ${head || 'no commit'}, and saved before ${request.next} was checked out there.`,
    ].join('\n');
    const parents = head === '' ? [] : ['-p', head];
    const commit = await context.bare.text(['commit-tree', tree, ...parents, '-F', '-'], { input: `${message}\n`, signal });
    return await keep(context, commit, request.next);
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
}

async function treeOfSlot(context: SlotContext, request: RescueRequest, index: string): Promise<string> {
  const { head, signal } = request;
  // The slot's own index knows which files are unchanged; one with conflicts or none at all is replaced by the commit's.
  const own = join(context.admin, 'index');
  if ((await kindOf(own)) === 'file') await copyFile(own, index);
  const env = { GIT_INDEX_FILE: index };
  const usable = (await context.git.run(['update-index', '-q', '--refresh'], { env, signal })).code <= 1;
  if (!usable || (await kindOf(index)) !== 'file') {
    await rm(index, { force: true });
    await context.git.must(head === '' ? ['read-tree', '--empty'] : ['read-tree', head], { env, signal });
  }
  await context.git.must(['add', '-A'], { env, signal });
  if (head !== '') {
    await addOverwritten(context, request, env);
    await dropOurs(context, request, env);
  }
  return await context.git.text(['write-tree'], { env, signal });
}

/** Ignored files at places where the next commit has files of its own. */
async function addOverwritten(context: SlotContext, request: RescueRequest, env: Record<string, string>): Promise<void> {
  const added = await context.bare.must([
    'diff-tree',
    '-r',
    '-z',
    '--name-only',
    '--no-renames',
    '--diff-filter=A',
    request.head,
    request.next,
  ]);
  const here: string[] = [];
  for (const path of nulFields(added)) {
    if (isWithin(path, request.excluded)) continue;
    const kind = await kindOf(join(context.directory, path));
    if (kind === 'directory') await moveAside(context, path);
    else if (kind !== 'missing') here.push(path);
  }
  if (here.length > 0) await context.git.must(['update-index', '--add', '-z', '--stdin'], { env, input: `${here.join('\0')}\0` });
}

/**
 * Takes back what Greenroom itself put into the slot. Shared paths and results of setup, which a commit's `.gitignore` may have uncovered. And
 * after a checkout was killed, files of its change that are missing, have the content of either commit, or are the beginning of the new content.
 */
async function dropOurs(context: SlotContext, request: RescueRequest, env: Record<string, string>): Promise<void> {
  const { head, signal, interrupted, excluded } = request;
  const staged = await context.git.must(['diff-index', '--cached', '--raw', '-z', '--no-renames', '--no-abbrev', head], { env, signal });
  const changed = new Map(interrupted ? await changes(context.bare, interrupted) : []);
  const lines: string[] = [];
  for (const [path, edit] of rawEntries(staged)) {
    const mounted = edit.oldMode === '000000' && isWithin(path, excluded);
    if (mounted || (await isHalfWritten(context, edit, changed.get(path)))) lines.push(`${edit.oldMode} ${edit.oldId}\t${path}\0`);
  }
  if (lines.length > 0) await context.git.must(['update-index', '-z', '--index-info'], { env, input: lines.join(''), signal });
}

async function isHalfWritten(context: SlotContext, edit: RawEntry, change: RawEntry | undefined): Promise<boolean> {
  if (change === undefined) return false;
  if (edit.newId === change.newId || edit.newId === change.oldId || edit.newMode === '000000') return true;
  return await isBeginning(context, edit.newId, change.newId);
}

async function isBeginning(context: SlotContext, part: string, whole: string): Promise<boolean> {
  if (/^0+$/.test(part) || /^0+$/.test(whole)) return false;
  const [start, all] = await Promise.all([part, whole].map((id) => context.bare.must(['cat-file', 'blob', id])));
  return start !== undefined && all !== undefined && start.length < all.length && all.subarray(0, start.length).equals(start);
}

interface RawEntry {
  oldMode: string;
  newMode: string;
  oldId: string;
  newId: string;
}

async function changes(git: Git, { from, to }: { from: string; to: string }): Promise<[string, RawEntry][]> {
  if (to === '') return [];
  // Before its first checkout a slot holds nothing.
  const start = from || (await git.text(['hash-object', '-t', 'tree', '--stdin'], { input: '' }));
  return rawEntries(await git.must(['diff-tree', '-r', '--raw', '-z', '--no-renames', '--no-abbrev', start, to]));
}

function rawEntries(output: Buffer): [string, RawEntry][] {
  const fields = nulFields(output);
  const entries: [string, RawEntry][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [oldMode = '', newMode = '', oldId = '', newId = ''] = (fields[at] ?? '').slice(1).split(' ');
    entries.push([fields[at + 1] ?? '', { oldMode, newMode, oldId, newId }]);
  }
  return entries;
}

/** A ref of its own for each rescue; an earlier one is never moved. What is kept already, because the last try died right after it, is not kept twice. */
async function keep(context: SlotContext, commit: string, label: string): Promise<string> {
  const what = await context.bare.text(['log', '-1', '--format=%T %P', '--end-of-options', commit, '--']);
  const kept = await context.bare.text(['for-each-ref', '--format=%(refname) %(tree) %(parent)', 'refs/greenroom/rescue/']);
  const same = kept
    .split('\n')
    .find((line) => line.includes(`-${context.slot}-${label.slice(0, 7)}`) && line.slice(line.indexOf(' ') + 1).trim() === what.trim());
  if (same !== undefined) return same.slice(0, same.indexOf(' '));
  const name = `refs/greenroom/rescue/${timeStamp(new Date())}-${context.slot}-${label.slice(0, 7)}`;
  for (let attempt = 1; ; attempt++) {
    const ref = attempt === 1 ? name : `${name}-${attempt}`;
    const { code } = await context.bare.run(['update-ref', ref, commit, ZERO.slice(0, commit.length)]);
    if (code === 0) {
      context.log(`slot ${context.slot}: saved uncommitted work to ${ref}`);
      return ref;
    }
    if (attempt > 100) await context.bare.must(['update-ref', ref, commit, ZERO.slice(0, commit.length)]);
  }
}

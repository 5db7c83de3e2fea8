import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Failure, SLOT_NAMES, type SlotName } from '@greenroom/sdk/wire';
import type { Confined, Confinement } from '../../../confine/confinement.ts';
import { diskUseMb } from '../../../confine/disk-use.ts';
import type { Limiter } from '../../../confine/limiter.ts';
import { sweepBounds } from '../../../confine/sweep.ts';
import { nulFields } from '../../../inert-git.ts';
import { createMasker, type Masker } from '../../../masking/masker.ts';
import type { Contract } from '../../core/contract.ts';
import { limitRemedy } from '../../core/limit-remedy.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Layout } from '../../layout.ts';
import type { Log, PreparedSlot, PrepareRequest, Slots } from '../../ports.ts';
import { kindOf } from '../git/files.ts';
import { type Git, WORKTREE_MARKER } from '../git/git.ts';
import { killMarked } from '../git/processes.ts';
import { excludePattern, isWithin, type SlotContext, slotContext, writeExcludes, writeIfNew } from './context.ts';
import { slotFailure } from './failures.ts';
import { foldersOfOthers, ownFolders } from './folders.ts';
import { trashOf } from './outputs.ts';
import { EMPTY, readRecord, type SlotRecord, writeRecord } from './record.ts';
import { rescue } from './rescue.ts';
import { clearStaging, inputPaths, noteOutputs, provideSetup, SLOT_LIMIT, setupKey, tryCarry } from './setup.ts';
import { SETUP_MARKER } from './setup-command.ts';
import { mountShared, parseSharedPaths, pathsToCheck, refuseTracked, type SharedPath } from './shared.ts';
import { checkoutForced, checkoutIfClean, ensureWorktree, readHead, resetHead } from './worktree.ts';

/** Stands for whatever an interrupted checkout or setup has left. */
const INTERRUPTED = '(a checkout that was cut off)';

interface SlotsOptions {
  /** The app's name; only images that are built for it have it. */
  app?: string;
  layout: Layout;
  /** Git on the app's bare repository, as `openRepo` answers it. */
  git: Git;
  contract: Contract;
  /** Of setup and app, when they are other users; by default both are this one. */
  confinement?: Pick<Confinement, 'app' | 'setup' | 'users'>;
  log: Log;
  /** What the setup command may use. */
  limiter?: Limiter;
  /** Hides secrets in what is logged of setup. */
  masker?: () => Masker;
}

export interface OpenedSlots extends Slots {
  /** Waits until nothing is removed in the background any more. */
  settled(): Promise<void>;
}

/** The two slots as worktrees of the bare repository. Call with the data directory's lock held. */
export async function createSlots(options: SlotsOptions): Promise<OpenedSlots> {
  const { app = 'app', layout, contract, log, git, confinement, limiter, masker = () => createMasker([]) } = options;
  const setup: Confined = confinement?.setup ?? { layers: [], env: process.env };
  const folders = confinement?.users ? foldersOfOthers(confinement.app.layers) : ownFolders;
  await mkdir(layout.run, { recursive: true });
  const parsed = parseSharedPaths(contract.shared_paths);
  // For people who run git in a slot; Greenroom's own calls have a file of their own.
  if (typeof parsed !== 'string') {
    const patterns = parsed.map(({ path }) => `${excludePattern(path)}\n`);
    await writeIfNew(join(layout.repo, 'info', 'exclude'), patterns);
  }
  if (limiter) await sweepBounds(limiter, []);
  for (const slot of SLOT_NAMES) await endInterrupted(layout, slot, ofSlot(log, slot));
  let removal: Promise<void> = Promise.resolve();
  const emptyTrash = (): void => {
    removal = removal.then(() => removeTrash(layout.run, log));
  };
  emptyTrash();
  const turn = { a: Promise.resolve<unknown>(undefined), b: Promise.resolve<unknown>(undefined) };
  const inTurn = <T>(slot: SlotName, work: () => Promise<T>): Promise<T> => {
    const next = turn[slot].then(work, work);
    turn[slot] = next.catch(() => undefined);
    return next;
  };
  const context = (slot: SlotName): SlotContext =>
    slotContext({ slot, app, bare: git, layout, contract, masker, setup, folders, log: ofSlot(log, slot), ...(limiter && { limiter }) });

  return {
    directory: (slot) => layout.slot(slot),
    prepare: (request) =>
      inTurn(request.slot, async () => {
        const prepared = await guarded(request.slot, () => prepare(context(request.slot), request, parsed));
        emptyTrash();
        return prepared;
      }),
    restore: (slot, commit) =>
      inTurn(slot, async () => {
        const restored = await guarded(slot, () => restore(context(slot), commit, parsed));
        emptyTrash();
        if (!restored.ok)
          log(`slot ${slot} could not be put back to ${commit}: ${restored.failure.error}`, { level: 'error', slot, commit });
        return restored.ok && restored.value;
      }),
    changes: (slot) => inTurn(slot, () => changes(context(slot), parsed)),
    discard: (slot) =>
      inTurn(slot, async () => {
        const discarded = await discard(context(slot), parsed);
        emptyTrash();
        return discarded;
      }),
    settled: () => removal,
  };
}

/** What a killed run left working in a slot ends now: the slot itself is repaired when it is wanted, and nobody knows when that is. */
const ofSlot =
  (log: Log, slot: SlotName): Log =>
  (message, about) =>
    log(message, { slot, ...about });

async function endInterrupted(layout: Layout, slot: SlotName, log: (message: string) => void): Promise<void> {
  if ((await readRecord(layout.run, slot)).phase === '') return;
  const ended = await endWorkIn(layout.slot(slot));
  if (ended > 0) log(`slot ${slot}: ended ${ended} processes that an earlier run had left at work`);
}

async function endWorkIn(directory: string): Promise<number> {
  return (await killMarked(SETUP_MARKER, directory)) + (await killMarked(WORKTREE_MARKER, directory));
}

async function prepare(context: SlotContext, request: PrepareRequest, parsed: SharedPath[] | string): Promise<Result<PreparedSlot>> {
  const { slot, commit, attempt, signal } = request;
  const placed = await place(context, commit, parsed, signal);
  if (!placed.ok) return placed;
  const { key, shared, rescued, changed, notes } = placed.value;
  const provided = await provideSetup(context, { commit, attempt, key, shared, record: placed.value.record, signal });
  if (!provided.ok) return provided;
  const { setup, record } = provided.value;
  await finish(context, record, commit, shared);
  const tooLarge = await refuseLarge(context, setup);
  if (tooLarge) return fail(tooLarge);
  const parts = [changed === -1 ? 'checked out' : `${changed} ${changed === 1 ? 'file' : 'files'} changed`];
  const work = context.contract.runner.build === undefined ? 'setup' : 'image';
  if (setup !== 'none') parts.push(setup === 'ran' ? `${work} ${work === 'setup' ? 'ran' : 'built'}` : `${work} ${setup}`);
  if (rescued !== '') parts.push(`uncommitted edits saved to ${rescued}`);
  return ok({ slot, directory: context.directory, commit, rescued, setup, detail: [...parts, ...notes].join(', ') });
}

/** What is measured before a boot is all that the release is made of. */
async function refuseLarge({ slot, directory, contract }: SlotContext, setup: PreparedSlot['setup']): Promise<Failure | undefined> {
  const limitMb = contract.limits?.disk?.slot_mb;
  const usedMb = limitMb === undefined ? undefined : await diskUseMb(directory);
  if (limitMb === undefined || usedMb === undefined || usedMb <= limitMb) return undefined;
  return {
    code: setup === 'ran' ? 'setup_failed' : 'slot_failed',
    error: `Slot ${slot} takes ${Math.round(usedMb)} MB on the disk; its limit is ${limitMb} MB (${SLOT_LIMIT}).`,
    evidence: { rule: `${SLOT_LIMIT}: ${limitMb}`, remedy: limitRemedy(SLOT_LIMIT) },
  };
}

async function changes(context: SlotContext, parsed: SharedPath[] | string): Promise<string[]> {
  const { commit, phase } = await readRecord(context.layout.run, context.slot);
  // Calls wait for one another: what is found under way here was cut off, and has left who knows what.
  if (phase !== '') return [INTERRUPTED];
  // A slot that was never prepared has nothing it could differ from.
  if (commit === '') return [];
  const shared = typeof parsed === 'string' ? [] : parsed.map(({ path }) => path);
  const status = await context.git.must(['status', '--porcelain', '--no-renames', '--untracked-files=all', '-z']);
  const paths = nulFields(status).map((entry) => entry.slice('XY '.length));
  // Somebody who commits or checks out in the slot leaves nothing that differs from its HEAD.
  const head = await readHead(context);
  return [...paths.filter((path) => !isWithin(path, shared)), ...(head === commit ? [] : ['HEAD'])].sort();
}

async function discard(context: SlotContext, parsed: SharedPath[] | string): Promise<boolean> {
  const { slot, directory, layout } = context;
  const { commit } = await readRecord(layout.run, slot);
  if (commit === '' || (await kindOf(directory)) !== 'directory' || (await changes(context, parsed)).length > 0) return false;
  // The record first: a slot that is said to hold nothing may be half gone.
  await writeRecord(layout.run, slot, EMPTY);
  await resetHead(context, commit);
  await mkdir(trashOf(layout.run), { recursive: true });
  await rename(directory, join(trashOf(layout.run), `slot-${slot}-${Date.now()}`));
  return true;
}

async function restore(context: SlotContext, commit: string, parsed: SharedPath[] | string): Promise<Result<boolean>> {
  const signal = new AbortController().signal;
  const placed = await place(context, commit, parsed, signal);
  if (!placed.ok) return placed;
  const { key, shared, record } = placed.value;
  const carry = { commit, attempt: '', key, shared, record, signal };
  const ready = record.setupKey === key ? record : await tryCarry(context, carry);
  await finish(context, ready ?? (await readRecord(context.layout.run, context.slot)), commit, shared);
  return ok(ready !== undefined);
}

interface Placed {
  record: SlotRecord;
  key: string;
  shared: string[];
  rescued: string;
  /** Files that differ between the commit that was here and this one; -1 when nothing was here. */
  changed: number;
  notes: string[];
}

/** Everything up to setup: the commit's files and the shared paths are there, and what was there before is safe. */
async function place(context: SlotContext, commit: string, parsed: SharedPath[] | string, signal: AbortSignal): Promise<Result<Placed>> {
  if (typeof parsed === 'string') return fail({ code: 'slot_failed', error: `${parsed}.`, evidence: { rule: 'shared_paths' } });
  const shared = parsed.map(({ path }) => path);
  const { empty } = await ensureWorktree(context, commit);
  let record = await readRecord(context.layout.run, context.slot);
  const recovered = record.phase === '' ? undefined : await recover(context, record, shared, signal);
  record = recovered?.record ?? record;
  const excluded = [...shared, ...record.outputs];
  await writeExcludes(context, excluded);

  const [head, objects] = await Promise.all([
    readHead(context),
    lookUp(
      context,
      commit,
      record.commit,
      [...pathsToCheck(parsed), ...inputPaths(context.contract), '.gitmodules', '.gitattributes'],
      signal,
    ),
  ]);
  if (!objects.known) return fail({ code: 'slot_failed', error: `The commit ${commit} is not in the app's repository.` });
  const refused = refuseTracked(parsed, objects.types);
  if (refused !== undefined) return fail(refused);

  // From here on the slot holds no commit for sure, until `finish` says so.
  const from = record.commit;
  record = { ...record, commit: '', phase: 'checkout', from, to: commit };
  await writeRecord(context.layout.run, context.slot, record);
  await context.bare.must(['update-ref', `refs/greenroom/slot/${context.slot}`, commit], { signal });

  let rescued = recovered?.rescued ?? '';
  const usual = !empty && head !== '' && head === from && !changesIgnores(objects.changed);
  if (empty) {
    await rm(join(context.admin, 'index'), { force: true });
    await checkoutForced(context, commit, excluded, signal);
  } else if (!usual || !(await checkoutIfClean(context, commit, { excluded, changed: objects.changed, signal }))) {
    const now = await readHead(context);
    const valid = await exists(context, now);
    if (!valid) await resetHead(context, commit);
    const before = { head: valid ? now : '', recorded: now === commit ? '' : from };
    rescued = (await rescue(context, { ...before, next: commit, excluded, signal })) || rescued;
    await checkoutForced(context, commit, excluded, signal);
  }
  const failure = await mountShared(context, parsed);
  if (failure !== undefined) return fail(failure);
  const notes = await unsupported(context, commit, objects.types);
  const changed = from === '' || empty ? -1 : objects.changed.length;
  return ok({ record, key: setupKey(context.contract, objects.ids), shared, rescued, changed, notes });
}

/**
 * After a kill or an abort: ends what still works in the slot, then finishes the checkout that was cut off, because only with its two commits at
 * hand half-written files can be told from edits. Until that is done the record stays as it is, so that a kill in here changes nothing.
 */
async function recover(
  context: SlotContext,
  record: SlotRecord,
  shared: readonly string[],
  signal: AbortSignal,
): Promise<{ record: SlotRecord; rescued: string }> {
  const orphans = await endWorkIn(context.directory);
  context.log(`slot ${context.slot}: the last preparation was interrupted (${record.phase}); ${orphans} processes of it ended`);
  const { from, to } = record;
  // The git that was ended just now may have left its lock.
  const { empty } = await ensureWorktree(context, to);
  await clearStaging(context);
  if (record.phase === 'setup') return { record: await noteOutputs(context, { ...record, commit: to, setupKey: '' }, shared), rescued: '' };
  const unknown = { ...record, commit: '', phase: '', from: '', to: '' } as const;
  if (empty || !(await exists(context, to))) return { record: unknown, rescued: '' };
  const excluded = [...shared, ...record.outputs];
  await writeExcludes(context, excluded);
  const now = await readHead(context);
  const valid = await exists(context, now);
  if (!valid) await resetHead(context, to);
  const rescued = await rescue(context, { head: valid ? now : to, recorded: from, interrupted: { from, to }, next: to, excluded, signal });
  await checkoutForced(context, to, excluded, signal);
  const whole: SlotRecord = { ...unknown, commit: to };
  await writeRecord(context.layout.run, context.slot, whole);
  return { record: whole, rescued };
}

async function finish(context: SlotContext, record: SlotRecord, commit: string, shared: readonly string[]): Promise<void> {
  await writeExcludes(context, [...shared, ...record.outputs]);
  await writeRecord(context.layout.run, context.slot, { ...record, commit, phase: '', from: '', to: '', present: [] });
}

interface Objects {
  known: boolean;
  /** Type and id of each path that the commit has. */
  types: Map<string, string>;
  ids: Map<string, string>;
  /** Paths that differ from the commit that the slot held. */
  changed: string[];
}

async function lookUp(context: SlotContext, commit: string, held: string, paths: readonly string[], signal: AbortSignal): Promise<Objects> {
  const asked = [...new Set(paths)].filter((path) => path !== '' && !path.includes('\n') && !path.startsWith('.git/') && path !== '.');
  const input = [`${commit}^{commit}`, ...asked.map((path) => `${commit}:${path}`)].join('\0');
  const [output, difference] = await Promise.all([
    context.bare.text(['cat-file', '--batch-check=%(objecttype) %(objectname)', '-z'], { input: `${input}\0`, signal }),
    held === '' ? undefined : context.bare.run(['diff-tree', '-r', '-z', '--name-only', '--no-renames', held, commit], { signal }),
  ]);
  const [first = '', ...lines] = output.split('\n');
  const found = lines.flatMap((line, index): [string, string, string][] => {
    const [, type, id] = /^(blob|tree|commit) ([0-9a-f]+)$/.exec(line) ?? [];
    const path = asked[index];
    return type && id && path !== undefined ? [[path, type, id]] : [];
  });
  return {
    known: first.startsWith('commit '),
    types: new Map(found.map(([path, type]) => [path, type])),
    ids: new Map(found.map(([path, , id]) => [path, id])),
    changed: difference?.code === 0 ? nulFields(difference.stdout) : [],
  };
}

/** What a commit asks of git that is not done, so that nobody wonders about it later. */
async function unsupported(context: SlotContext, commit: string, types: ReadonlyMap<string, string>): Promise<string[]> {
  const notes: string[] = [];
  if (types.has('.gitmodules')) notes.push('submodule folders stay empty (Greenroom does not fetch submodules)');
  if (types.get('.gitattributes') === 'blob') {
    const attributes = await context.bare.text(['cat-file', 'blob', `${commit}:.gitattributes`]);
    if (/\bfilter=lfs\b/.test(attributes)) notes.push('Git LFS files are pointers (Greenroom runs no filters)');
  }
  return notes;
}

async function exists(context: SlotContext, commit: string): Promise<boolean> {
  return commit !== '' && (await context.bare.run(['cat-file', '-e', `${commit}^{commit}`])).code === 0;
}

/** Other rules of what is ignored may uncover files that nobody wanted to keep or to commit. */
function changesIgnores(paths: readonly string[]): boolean {
  return paths.some((path) => path === '.gitignore' || path.endsWith('/.gitignore'));
}

async function guarded<T>(slot: SlotName, work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    const aborted: Failure = { code: 'aborted', error: `Aborted while preparing slot ${slot}.` };
    const failure = (error as Error).name === 'AbortError' ? aborted : slotFailure(slot, error);
    if (failure === undefined) throw error;
    return fail(failure);
  }
}

async function removeTrash(run: string, log: (message: string) => void): Promise<void> {
  const trash = trashOf(run);
  if ((await kindOf(trash)) === 'missing') return;
  try {
    for (const name of await readdir(trash)) await rm(join(trash, name), { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    log(`${trash} could not be emptied: ${(error as Error).message}`);
  }
}

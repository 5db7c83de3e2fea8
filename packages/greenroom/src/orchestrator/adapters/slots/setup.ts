import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { type Failure, SLOT_NAMES } from '@greenroom/sdk/wire';
import { watchDiskUse } from '../../../confine/disk-use.ts';
import type { Contract } from '../../core/contract.ts';
import { limitRemedy } from '../../core/limit-remedy.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { PreparedSlot } from '../../ports.ts';
import { scrubFile } from '../instances/scrub-log.ts';
import { buildRelease } from './build-release.ts';
import { type SlotContext, writeExcludes } from './context.ts';
import { breakLinks, carryOutputs, discard } from './outputs.ts';
import { readRecord, type SlotRecord, writeRecord } from './record.ts';
import { runSetupCommand } from './setup-command.ts';
import { listUntrackedCollapsed } from './worktree.ts';

interface SetupRequest {
  commit: string;
  attempt: string;
  /** `setupKey` of the commit. */
  key: string;
  shared: readonly string[];
  record: SlotRecord;
  signal: AbortSignal;
}

interface SetupDone {
  setup: PreparedSlot['setup'];
  record: SlotRecord;
}

/** Where the contract bounds the size of a slot. */
export const SLOT_LIMIT = 'limits.disk.slot_mb';
/**
 * Two commits with the same key need the same dependencies. `ids` holds the object id of each input that the commit has. Empty when the
 * contract has no setup command.
 */
export function setupKey(contract: Contract, ids: ReadonlyMap<string, string>): string {
  if (contract.setup_command === undefined) return '';
  const inputs = inputPaths(contract).map((path) => [path, ids.get(path) ?? 'missing']);
  const env = Object.entries(contract.env).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [contract.setup_command, inputs, env, process.version, process.platform, process.arch];
  if (contract.runner.image !== undefined) parts.push(contract.runner.image);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The contract's `setup_inputs` as git names them. */
export function inputPaths(contract: Contract): string[] {
  return contract.setup_inputs.map((path) => posix.normalize(path).replace(/^\/+|\/$/g, ''));
}

/** Provides the commit's dependencies the cheapest way that holds. What it changes is recorded before and after, on disk. */
export async function provideSetup(context: SlotContext, request: SetupRequest): Promise<Result<SetupDone>> {
  const { contract } = context;
  const { key, record } = request;
  if (contract.runner.build !== undefined) return await provideImage(context, contract.runner.build, request);
  if (contract.setup_command === undefined) return ok({ setup: 'none', record });
  if (record.setupKey === key) return ok({ setup: 'unchanged', record });
  const carried = await tryCarry(context, request);
  if (carried !== undefined) return ok({ setup: 'carried', record: carried });
  return await runSetup(context, contract.setup_command, request);
}

async function provideImage(context: SlotContext, file: string, request: SetupRequest): Promise<Result<SetupDone>> {
  const { commit, record, signal } = request;
  // The commit before this one is what the slot is put back to when the attempt fails.
  const kept = [record.from, (await otherSlot(context)).record.commit];
  const built = await buildRelease(context, { commit, file, logFile: logFileOf(context.layout, request), kept, signal });
  return built.ok ? ok({ setup: built.value ? 'ran' : 'unchanged', record }) : built;
}

/** Hard-links the other slot's results when they are of this key; undefined when they are not, or cannot be moved. */
export async function tryCarry(context: SlotContext, { key, record, signal }: SetupRequest): Promise<SlotRecord | undefined> {
  const source = await otherSlot(context);
  if (source.record.setupKey !== key || key === '') return undefined;
  // Known as linked before the first link exists, and without a key until the last one does.
  const linking: SlotRecord = {
    ...record,
    setupKey: '',
    linked: true,
    outputs: [...new Set([...record.outputs, ...source.record.outputs])],
  };
  await writeRecord(context.layout.run, context.slot, linking);
  try {
    const done = await carryOutputs(context, source.directory, source.record.outputs, signal);
    if (!done) return undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    context.log(`slot ${context.slot}: the other slot's dependencies could not be linked: ${(error as Error).message}`);
    return undefined;
  }
  await discard(
    context,
    linking.outputs.filter((path) => !source.record.outputs.includes(path)),
  );
  return { ...linking, setupKey: key, outputs: source.record.outputs };
}

const logFileOf = ({ logs }: SlotContext['layout'], { attempt }: SetupRequest): string =>
  join(logs, `setup-${attempt.replace(/[^\w.-]/g, '_')}.log`);

async function runSetup(context: SlotContext, command: string, request: SetupRequest): Promise<Result<SetupDone>> {
  const { contract, layout, slot, directory } = context;
  const { commit, key, shared, signal } = request;
  const before = await readRecord(layout.run, slot);
  const other = await otherSlot(context);
  const present = (await listUntrackedCollapsed(context, shared)).filter((path) => !before.outputs.includes(path));
  let record: SlotRecord = { ...before, commit, setupKey: '', phase: 'setup', from: '', to: commit, present };
  await writeRecord(layout.run, slot, record);
  if (before.linked || other.record.linked) {
    await breakLinks(context, before.outputs, signal);
    record = { ...record, linked: false };
    await writeRecord(layout.run, slot, record);
  }
  await mkdir(layout.logs, { recursive: true });
  const logFile = logFileOf(layout, request);
  const slotMb = contract.limits?.disk?.slot_mb;
  let usedMb = 0;
  const guard = (stop: () => void): (() => void) =>
    watchDiskUse({ folder: directory, limitMb: slotMb ?? Number.POSITIVE_INFINITY }, (measuredMb) => {
      usedMb = measuredMb;
      stop();
    });
  const { exit, timedOut, aborted, stopped, tail } = await runSetupCommand(context, commit, {
    command,
    logFile,
    timeoutMs: contract.setup_timeout_ms,
    signal,
    ...(slotMb === undefined ? {} : { guard }),
  });
  await scrubFile(logFile, context.masker());
  record = await noteOutputs(context, record, shared);
  if (exit.code === 0 && !timedOut && !aborted && !stopped) {
    await context.git.must(['checkout', '--quiet', '--force', '--detach', commit, '--'], { signal });
    return ok({ setup: 'ran', record: { ...record, setupKey: key } });
  }
  if (aborted) return fail({ code: 'aborted', error: `The setup command was aborted in slot ${slot}.` });
  const tooLarge = `was stopped when slot ${slot} took ${usedMb} MB on the disk; its limit is ${slotMb} MB (${SLOT_LIMIT})`;
  const late = `did not end within ${contract.setup_timeout_ms} ms (setup_timeout_ms)`;
  const how = stopped ? tooLarge : timedOut ? late : exit.description;
  const limit = stopped ? SLOT_LIMIT : exit.limit;
  const failure: Failure = {
    code: 'setup_failed',
    error: `The setup command ${how}.`,
    evidence: {
      command,
      log_tail: tail,
      log_file: logFile,
      exit: { ...exit, description: how, ...(limit === undefined ? {} : { limit }) },
      remedy:
        limit === undefined ? 'Read the end of its output, correct the commit or setup_command, then deploy again.' : limitRemedy(limit),
    },
  };
  return fail(failure);
}

/** What is there after a setup and was not before is its result, ignored by git or not; also after one that was interrupted. */
export async function noteOutputs(context: SlotContext, record: SlotRecord, shared: readonly string[]): Promise<SlotRecord> {
  const now = await listUntrackedCollapsed(context, shared);
  const noted: SlotRecord = { ...record, phase: '', present: [], outputs: now.filter((path) => !record.present.includes(path)) };
  await writeRecord(context.layout.run, context.slot, noted);
  await writeExcludes(context, [...shared, ...noted.outputs]);
  return noted;
}

/** Leftovers of a carry that was killed. */
export async function clearStaging(context: SlotContext): Promise<void> {
  await rm(join(context.layout.run, `carry-${context.slot}`), { recursive: true, force: true });
}

async function otherSlot({ slot, layout }: SlotContext): Promise<{ directory: string; record: SlotRecord }> {
  const other = SLOT_NAMES.find((name) => name !== slot) ?? slot;
  return { directory: layout.slot(other), record: await readRecord(layout.run, other) };
}

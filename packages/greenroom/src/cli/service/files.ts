import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder, writeDurably } from '../../orchestrator/adapters/durable.ts';
import { CliError, EXIT } from '../context.ts';
import type { UnitFile } from './unit-parts.ts';
import { authorOf } from './unit-text.ts';

export interface Written extends UnitFile {
  /** `updated`: an older text of Greenroom's own was replaced, or with `force` somebody's changes were. */
  change: 'created' | 'updated' | 'unchanged';
}

/** Writes unit files. Unless `force`, throws `CliError` before the first one when one of them has lines of somebody else's. Repeatable. */
export async function writeUnits(folder: string, files: readonly UnitFile[], force: boolean): Promise<Written[]> {
  const before = await Promise.all(files.map(({ unit }) => readUnit(folder, unit)));
  const others = files.filter((_file, at) => isSomebodys(before[at])).map(({ unit }) => join(folder, unit));
  if (others.length > 0 && !force) throw changedByHand(others);
  await mkdir(folder, { recursive: true });
  const written: Written[] = [];
  for (const [at, file] of files.entries()) {
    const old = before[at];
    const change = old === undefined ? 'created' : old === file.text ? 'unchanged' : 'updated';
    if (change !== 'unchanged') await writeDurably(join(folder, file.unit), file.text, 0o644);
    written.push({ ...file, change });
  }
  return written;
}

/** Removes unit files as they were installed. Those with somebody else's lines stay, and are answered, unless `force`. Repeatable. */
export async function removeUnits(folder: string, units: readonly string[], force: boolean): Promise<string[]> {
  const kept: string[] = [];
  for (const unit of units) {
    if (isSomebodys(await readUnit(folder, unit)) && !force) kept.push(unit);
    else await rm(join(folder, unit), { force: true });
  }
  await syncFolder(folder).catch(ignoreMissing);
  return kept;
}

/** Names of the unit files of Greenroom that are there. */
export async function installedUnits(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    ignoreMissing(error);
    return [];
  });
  return names
    .filter((name) => /^greenroom(-chat)?@.+\.service$|^greenroom-(proxy\.(service|socket)|dashboard\.service)$/.test(name))
    .sort();
}

/** The service's own variables, for its operator to fill in: never in the unit, which everybody can read. Answers whether it was made now. */
export async function makeSettingsFile(file: string, text: string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await using handle = await open(file, 'wx', 0o600);
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await syncFolder(dirname(file));
  return true;
}

/** Takes the file back while nobody has written anything into it. Answers whether one stays. */
export async function removeSettingsFile(file: string, text: string): Promise<boolean> {
  const found = await readIfThere(file);
  if (found === text) await rm(file, { force: true });
  return found !== undefined && found !== text;
}

/** Undefined when there is none. */
export async function readUnit(folder: string, unit: string): Promise<string | undefined> {
  return await readIfThere(join(folder, unit));
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    ignoreMissing(error as NodeJS.ErrnoException);
    return undefined;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function isSomebodys(text: string | undefined): boolean {
  return text !== undefined && authorOf(text) !== 'installed';
}

function changedByHand(files: readonly string[]): CliError {
  const them = files.length === 1 ? 'It has' : 'They have';
  return new CliError(
    EXIT.failed,
    'unit_changed',
    [
      `${them} lines that "greenroom service install" did not write, so nothing was changed:`,
      ...files.map((file) => `  ${file}`),
      'Keep them: move your lines to "systemctl edit UNIT", where no install touches them, and delete the file. Lose them: --force',
    ].join('\n'),
  );
}

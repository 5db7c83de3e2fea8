import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Contract } from '../core/contract.ts';
import { parseJsonText } from '../core/contract-json.ts';
import { parseContract } from '../core/contract-parse.ts';
import { formatProblem } from '../core/contract-problems.ts';
import type { Layout } from '../layout.ts';

const MAX_CONTRACT_BYTES = 1024 * 1024;
const FOLDER_MODE = 0o755;
const COPY_MODE = 0o444;

export type ReadContract = { ok: true; contract: Contract; text: string; notes: string[] } | { ok: false; sentences: string[] };

/** Reads and judges a contract file. Everything that can be wrong with it comes back as sentences that name the file. Never blocks on a pipe. */
export async function readContract(file: string): Promise<ReadContract> {
  const read = await readText(file);
  if ('problem' in read) return { ok: false, sentences: [`${file}: ${read.problem}`] };
  const json = parseJsonText(read.text);
  if (!json.ok) return { ok: false, sentences: [`${file}: ${json.sentence}`] };
  const parsed = parseContract(json.json);
  if (!parsed.ok) return { ok: false, sentences: parsed.problems.map((problem) => `${file}: ${formatProblem(problem)}`) };
  return { ok: true, contract: parsed.contract, text: read.text, notes: [...json.notes, ...parsed.notes] };
}

/**
 * Makes the read-only copy of the contract for app and agent be exactly `rawText`, in a folder that holds nothing else of the app. Whatever
 * was put in its place (another text, a link, a folder, other permissions) is replaced and never followed. Durable and atomic: a reader sees
 * the old text or the new one. Repeatable. Answers whether there was anything to do.
 */
export async function writeContractCopy(layout: Pick<Layout, 'contractCopy'>, rawText: string): Promise<'written' | 'unchanged'> {
  return await show(layout.contractCopy, rawText);
}

/** How the app finds its agent, a `HandOver` as JSON beside the contract's copy and written like it; null takes it away. */
export async function writeHandOver(layout: Pick<Layout, 'handOver'>, text: string | null): Promise<void> {
  if (text !== null) await show(layout.handOver, text);
  else await rm(layout.handOver, { recursive: true, force: true });
}

async function show(file: string, text: string): Promise<'written' | 'unchanged'> {
  const path = dirname(file);
  const name = basename(file);
  await makeRealFolder(path);
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    // By way of the open folder, so that one swapped for a link from here on diverts nothing.
    const inside = (entry: string): string => join('/proc/self/fd', String(folder.fd), entry);
    await folder.chmod(FOLDER_MODE);
    if (await holds(inside(name), text)) return 'unchanged';
    const temporary = inside(`.${name}.${process.pid}.tmp`);
    await rm(temporary, { recursive: true, force: true });
    await writeDurably(temporary, text);
    if ((await lstat(inside(name)).catch(absent))?.isDirectory()) await rm(inside(name), { recursive: true });
    await rename(temporary, inside(name));
    await folder.sync();
    return 'written';
  } finally {
    await folder.close();
  }
}

async function makeRealFolder(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch(absent);
  if (found !== undefined && !found.isDirectory()) await rm(path);
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
}

async function holds(file: string, text: string): Promise<boolean> {
  const found = await lstat(file).catch(absent);
  // A second link to the file could be written through it by its owner.
  if (!found?.isFile() || (found.mode & 0o777) !== COPY_MODE || found.nlink !== 1 || found.uid !== process.getuid?.()) return false;
  return (await readFile(file, 'utf8')) === text;
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, COPY_MODE);
  try {
    await handle.writeFile(text);
    await handle.chmod(COPY_MODE); // whatever the umask was
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readText(file: string): Promise<{ text: string } | { problem: string }> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK opening a named pipe would wait for a writer.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (found.isDirectory()) return { problem: 'this is a folder; name the contract file itself, usually app.contract.json.' };
    if (!found.isFile()) return { problem: 'this is not an ordinary file.' };
    if (found.size > MAX_CONTRACT_BYTES) return { problem: `${found.size} bytes are too large for a contract; at most 1 MB is allowed.` };
    return decoded(await handle.readFile());
  } catch (error) {
    return { problem: unreadable(error) };
  } finally {
    await handle?.close();
  }
}

function decoded(bytes: Buffer): { text: string } | { problem: string } {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return { problem: 'this is UTF-16 text; save it as UTF-8.' };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (text.replace('\uFEFF', '').trim() === '')
      return { problem: 'the file is empty; `greenroom init` writes a contract to start from.' };
    return { text };
  } catch (error) {
    if (error instanceof TypeError) return { problem: 'this is not UTF-8 text.' };
    throw error;
  }
}

function unreadable(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return 'there is no such file; `greenroom init` writes a contract to start from.';
  if (code === 'ENOTDIR') return 'there is no such file: a part of its path is not a folder.';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it; check its permissions and those of its folders.';
  if (code === 'ELOOP') return 'it is a link that leads in a circle.';
  if (code === '') throw error;
  return `it cannot be read (${code}).`;
}

function absent(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

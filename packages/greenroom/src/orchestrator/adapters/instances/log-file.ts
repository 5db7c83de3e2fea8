import { constants, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import type { Masker } from '../../../masking/masker.ts';
import type { Mask } from '../../core/mask.ts';
import { scrubFile } from './scrub-log.ts';
import { TAIL_BYTES, TAIL_LINES, tailLines } from './text.ts';

/** A log above this size is cut: its end moves to `.1`, the older part to `.2`, what was there is dropped. */
export const MAX_LOG_BYTES = 10 * 1024 * 1024;
export const OLD_PARTS = 2;

const IDLE_CHECK_MS = 1_000;
const BUSY_CHECK_MS = 100;
/** Growth between two looks from which on the next one comes sooner. */
const BUSY_GROWTH_BYTES = 256 * 1024;
const COPY_CHUNK_BYTES = 1024 * 1024;
/** Escapes and long lines take room that the shown tail does not have. */
const READ_PER_SHOWN_BYTE = 8;

/**
 * Opens an instance's log for appending, as a descriptor for the child itself: output needs no living orchestrator, and
 * a log that was truncated goes on at its new end (O_APPEND).
 */
export function openLog(file: string): number {
  return openSync(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

/** All files of one log, the newest first. */
export function logParts(file: string): string[] {
  return [file, ...Array.from({ length: OLD_PARTS }, (_, index) => `${file}.${index + 1}`)];
}

/** The last lines of a log, oldest first, going back into its older part when it was cut a moment ago. Empty when there is none. */
export async function tailLog(file: string, lines: number = TAIL_LINES, maxBytes: number = TAIL_BYTES, mask?: Mask): Promise<string[]> {
  const readBytes = READ_PER_SHOWN_BYTE * maxBytes;
  const newest = await readEnd(file, readBytes);
  if (newest.length >= readBytes) return tailLines(newest, lines, maxBytes, mask);
  return tailLines(Buffer.concat([await readEnd(`${file}.1`, readBytes), newest]), lines, maxBytes, mask);
}

/** Keeps a log short, and secrets out of it. */
export interface LogWatch {
  /** Looks at what has come since the last time. */
  scrub(): Promise<void>;
  end(): void;
}

/** Looks at a log about every second, sooner while it grows fast: cuts it when it is long, and overwrites secrets in it. */
export function watchLog(file: string, masker: () => Masker, report: (message: string) => void): LogWatch {
  let ended = false;
  let timer: NodeJS.Timeout;
  let size = 0;
  let reported = '';
  let scrubbed = 0;
  let last: Promise<void> = Promise.resolve();
  /** One after the other: a log that is cut must not be written into. */
  const exclusively = (act: () => Promise<void>): Promise<void> => {
    const done = last.then(act);
    last = done.catch(() => undefined);
    return done;
  };
  const scrub = async (): Promise<void> => {
    scrubbed = await scrubFile(file, masker(), scrubbed);
  };
  const look = async (): Promise<void> => {
    let growth = 0;
    try {
      const now = await sizeOf(file);
      growth = now - size;
      size = now;
      await exclusively(scrub);
      if (now > MAX_LOG_BYTES) {
        await exclusively(cut);
        size = 0;
      }
    } catch (error) {
      const message = `The log ${file} could not be looked after: ${error instanceof Error ? error.message : String(error)}`;
      if (message !== reported) report(message);
      reported = message;
    }
    plan(growth > BUSY_GROWTH_BYTES ? BUSY_CHECK_MS : IDLE_CHECK_MS);
  };
  const cut = async (): Promise<void> => {
    await rotate(file);
    scrubbed = 0;
    await scrubFile(`${file}.1`, masker());
  };
  const plan = (delay: number): void => {
    if (!ended) timer = setTimeout(() => void look(), delay).unref();
  };
  plan(BUSY_CHECK_MS);
  return {
    scrub: () => exclusively(scrub),
    end() {
      ended = true;
      clearTimeout(timer);
    },
  };
}

/**
 * Moves the end of the log to `.1` and empties it, while the instance writes on. Only what is written between the last read and the
 * truncation (microseconds) is lost, or, when the instance writes faster than can be copied, what exceeds the size of a part.
 */
export async function rotate(file: string): Promise<void> {
  const [first, ...older] = logParts(file).slice(1).reverse();
  let target = first;
  for (const part of older) {
    if (target !== undefined) await rename(part, target).catch(ignoreMissing);
    target = part;
  }
  if (target === undefined) return;
  await using source = await open(file, 'r+');
  await using copy = await open(target, 'w', 0o600);
  try {
    await moveEnd(source, copy);
  } catch (error) {
    if (!isFull(error)) throw error;
    // On a full disk room matters more than an old log.
    ftruncateSync(source.fd, 0);
    ftruncateSync(copy.fd, 0);
  }
}

async function moveEnd(source: FileHandle, copy: FileHandle): Promise<void> {
  const { size } = await source.stat();
  let position = Math.max(0, size - MAX_LOG_BYTES);
  if (position > 0) await copy.write(`[${position} earlier bytes of this log were dropped]\n`);
  const chunk = Buffer.alloc(COPY_CHUNK_BYTES);
  for (let room = MAX_LOG_BYTES + COPY_CHUNK_BYTES; room > 0; ) {
    const { bytesRead } = await source.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) break;
    await copy.write(chunk, 0, bytesRead);
    position += bytesRead;
    room -= bytesRead;
  }
  finishCopy(source, copy, chunk, position);
}

/** Synchronous, so that nothing of ours comes between the last look and the truncation. */
function finishCopy(source: FileHandle, copy: FileHandle, chunk: Buffer, position: number): void {
  const bytes = readSync(source.fd, chunk, 0, chunk.length, position);
  ftruncateSync(source.fd, 0);
  if (bytes > 0) writeSync(copy.fd, chunk, 0, bytes);
}

async function readEnd(file: string, maxBytes: number): Promise<Buffer> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    const length = Math.min(size, maxBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    ignoreMissing(error);
    return Buffer.alloc(0);
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    ignoreMissing(error);
    return 0;
  }
}

/** Removes a log with its older parts. */
export async function removeLog(file: string): Promise<void> {
  for (const part of logParts(file)) await rm(part, { force: true });
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

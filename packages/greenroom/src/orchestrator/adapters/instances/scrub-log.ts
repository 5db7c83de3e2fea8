import { type FileHandle, open } from 'node:fs/promises';
import type { Masker } from '../../../masking/masker.ts';

const CHUNK_BYTES = 1024 * 1024;
const STAR = '*'.charCodeAt(0);

/**
 * Overwrites secrets in a log with as many asterisks, in place. The app writes straight to its log, so that no line is lost whatever becomes of
 * Greenroom; what it says of its own secrets is gone a moment later. Bytes that are there keep their place, so the app writes on undisturbed.
 * `from`: up to where it was looked at before. Answers that of this time; a file that is not there is clean.
 */
export async function scrubFile(file: string, masker: Masker, from = 0): Promise<number> {
  await using handle = await openIfThere(file);
  if (!handle) return 0;
  const { size } = await handle.stat();
  if (size <= from && size > 0) return size;
  const { longest, places } = masker.bytes;
  if (longest === 0) return size;
  // Parts overlap by the longest secret, so that none is cut.
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size) + longest);
  for (let at = Math.max(0, from - longest); at < size; at += CHUNK_BYTES) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
    for (const [start, end] of places(chunk.toString('latin1', 0, bytesRead)))
      await handle.write(Buffer.alloc(end - start, STAR), 0, end - start, at + start);
  }
  return size;
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r+');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

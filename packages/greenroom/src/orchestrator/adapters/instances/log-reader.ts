import { type FileHandle, open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

const CHUNK_BYTES = 256 * 1024;
/** A rotated part begins with this when its older half did not fit. */
const DROPPED = /^\[(\d+) earlier bytes of this log were dropped\]\n/;
const LONGEST_MARK_BYTES = 100;
const TAIL_BYTES = 1024 * 1024;

/** The last lines of a log, oldest first, its older part included, and the size up to which they reach. Undefined when there is none. */
export async function readTail(file: string, lines: number): Promise<{ lines: string[]; size: number } | undefined> {
  await using handle = await openIfThere(file);
  if (!handle) return undefined;
  const { size } = await handle.stat();
  const newest = await readEnd(handle, size);
  const found = wholeLines(newest);
  if (found.length < lines) {
    await using older = await openIfThere(`${file}.1`);
    if (older) found.unshift(...wholeLines(await readEnd(older, (await older.stat()).size)));
  }
  return { lines: lines === 0 ? [] : found.slice(-lines), size };
}

/** Reads a log from where it stopped the last time, also when the log was cut in between: its end is then in `<file>.1`. */
export interface LogReader {
  /** Whole lines that have come since the last call; none when there is no such file. */
  read(): Promise<string[]>;
  /** A last line without an end, when nothing more will come. */
  rest(): string[];
}

export function createLogReader(file: string, from: number): LogReader {
  let offset = from;
  let decoder = new StringDecoder('utf8');
  let pending = '';

  async function append(handle: FileHandle, position: number, lines: string[]): Promise<number> {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let at = position;
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return at;
      at += bytesRead;
      const parts = (pending + decoder.write(chunk.subarray(0, bytesRead))).split('\n');
      pending = parts.pop() ?? '';
      lines.push(...parts);
    }
  }

  return {
    async read() {
      const lines: string[] = [];
      await using handle = await openIfThere(file);
      if (!handle) return lines;
      if ((await handle.stat()).size < offset) {
        await using older = await openIfThere(`${file}.1`);
        if (older) await append(older, await positionIn(older, offset), lines);
        offset = 0;
      }
      offset = await append(handle, offset, lines);
      return lines;
    },
    rest() {
      const last = pending + decoder.end();
      pending = '';
      decoder = new StringDecoder('utf8');
      return last === '' ? [] : [last];
    },
  };
}

/** Where a byte of the log, counted from its beginning before it was cut, stands in the part that was cut off. */
async function positionIn(older: FileHandle, offset: number): Promise<number> {
  const head = Buffer.alloc(LONGEST_MARK_BYTES);
  const { bytesRead } = await older.read(head, 0, head.length, 0);
  const mark = DROPPED.exec(head.toString('latin1', 0, bytesRead));
  if (!mark) return offset;
  return Math.max(mark[0].length, mark[0].length + offset - Number(mark[1]));
}

async function readEnd(handle: FileHandle, size: number): Promise<string> {
  const length = Math.min(size, TAIL_BYTES);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.toString('utf8', 0, bytesRead);
}

function wholeLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

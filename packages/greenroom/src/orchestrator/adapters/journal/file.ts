import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder, writeDurably } from '../durable.ts';
import { type JournalContent, readJournal } from './read.ts';
import { encodeRecord, type Head } from './record.ts';

/** What happened, without the members that make it a link of the chain. */
export interface JournalEntry {
  type: string;
  [field: string]: unknown;
}

export interface JournalFile {
  /** What the journal held when it was opened. */
  content: JournalContent;
  /** Appends one record, on disk when it answers. Call order is file order. Rejects when the disk refuses; nothing half-written stays then. */
  append(entry: JournalEntry): Promise<{ seq: number; time: string; head: Head }>;
  head(): Head;
  close(): Promise<void>;
}

/**
 * Opens the journal for appending. A torn last line is set aside in a file beside it, never silently dropped. When `remembered` is further than the
 * file goes, its end was cut off: the chain goes on from what is remembered, so that the gap stays visible for ever.
 */
export async function openJournal(file: string, remembered: Head | null, now: () => number): Promise<JournalFile> {
  const content = await readJournal(file);
  const handle = await open(file, 'a+', 0o600);
  await syncFolder(dirname(file));
  if (content.tornBytes > 0) await setTornLineAside(file, handle, content);
  let head = remembered && remembered.seq > content.head.seq ? remembered : content.head;
  let size = content.completeBytes;
  let last: Promise<unknown> = Promise.resolve();

  async function write(entry: JournalEntry): Promise<{ seq: number; time: string; head: Head }> {
    const time = new Date(now()).toISOString();
    const encoded = encodeRecord(head, time, entry);
    const line = Buffer.from(`${encoded.line}\n`);
    try {
      // One write as a rule. What a full disk cut short is refused, with its reason, when the rest is tried.
      for (let written = 0; written < line.length; ) written += (await handle.write(line, written)).bytesWritten;
      await handle.datasync();
    } catch (error) {
      await handle.truncate(size);
      throw new Error(`The journal ${file} cannot be written: ${(error as Error).message}`, { cause: error });
    }
    size += line.length;
    head = encoded.head;
    return { seq: head.seq, time, head };
  }

  return {
    content,
    append(entry) {
      const result = last.then(() => write(entry));
      last = result.catch(() => undefined);
      return result;
    },
    head: () => head,
    async close() {
      await last;
      await handle.close();
    },
  };
}

async function setTornLineAside(file: string, handle: FileHandle, content: JournalContent): Promise<void> {
  const torn = Buffer.alloc(content.tornBytes);
  await handle.read(torn, 0, torn.length, content.completeBytes);
  await writeDurably(`${file}.torn-${content.head.seq + 1}`, torn.toString('latin1'));
  await handle.truncate(content.completeBytes);
  await handle.datasync();
}

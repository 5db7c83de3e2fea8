import { appendFile, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDurably } from './durable.ts';

export const DEFAULT_DELIVERIES_KEPT = 2_000;

/** Marks of webhook deliveries that were dealt with; see `Deliveries` of the webhook listener. */
export interface DeliveryMemory {
  has(mark: string): boolean;
  /** On disk when it answers. Repeatable. Rejects when the disk refuses, and remembers until the end of the process all the same. */
  add(marks: readonly string[]): Promise<void>;
}

/** One mark per line, the oldest forgotten first. A torn last line is only a mark that matches nothing. */
export async function openDeliveries(file: string, keep: number = DEFAULT_DELIVERIES_KEPT): Promise<DeliveryMemory> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const kept = new Set((await readLines(file)).slice(-keep));
  await writeDurably(file, render(kept));
  let lines = kept.size;
  let last: Promise<void> = Promise.resolve();

  async function write(fresh: string[]): Promise<void> {
    for (const mark of fresh) kept.add(mark);
    for (const mark of kept) {
      if (kept.size <= keep) break;
      kept.delete(mark);
    }
    if (lines + fresh.length > 2 * keep) {
      await writeDurably(file, render(kept));
      lines = kept.size;
      return;
    }
    await appendFile(file, render(fresh));
    lines += fresh.length;
    await using handle = await open(file, 'r');
    await handle.datasync();
  }

  return {
    has: (mark) => kept.has(mark),
    add(marks) {
      const result = last.then(() => {
        const fresh = marks.filter((it) => !kept.has(it));
        return fresh.length === 0 ? undefined : write(fresh);
      });
      last = result.catch(() => undefined);
      return result;
    },
  };
}

function render(marks: Iterable<string>): string {
  let text = '';
  for (const mark of marks) text += `${mark}\n`;
  return text;
}

async function readLines(file: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8')).split('\n').filter((it) => it !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SlotName } from '@greenroom/sdk/wire';
import { writeDurably } from '../durable.ts';

/** What is known about one slot, on disk before anything relies on it: `run/slot-a.json`. */
export interface SlotRecord {
  /** The commit that the slot holds, whole; empty while it is being changed. */
  commit: string;
  /** What is going on; a phase that is found at the start of a preparation was interrupted. */
  phase: '' | 'checkout' | 'setup';
  /** The commit a checkout comes from and goes to. */
  from: string;
  to: string;
  /** Key of the setup whose results the slot holds; empty when none ran to its end. */
  setupKey: string;
  /** Paths that setup made, folders with a trailing slash. */
  outputs: string[];
  /** Paths that git does not track and that were there before setup began. */
  present: string[];
  /** Whether files of `outputs` are hard-linked with the other slot's. */
  linked: boolean;
}

/** A slot that holds nothing. */
export const EMPTY: SlotRecord = { commit: '', phase: '', from: '', to: '', setupKey: '', outputs: [], present: [], linked: false };

/** A missing or unreadable record knows nothing: the slot is then looked at with git, and setup runs again. */
export async function readRecord(run: string, slot: SlotName): Promise<SlotRecord> {
  let text: string;
  try {
    text = await readFile(fileOf(run, slot), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ...EMPTY };
    throw error;
  }
  try {
    return { ...EMPTY, ...(JSON.parse(text) as Partial<SlotRecord>) };
  } catch {
    return { ...EMPTY };
  }
}

export async function writeRecord(run: string, slot: SlotName, record: SlotRecord): Promise<void> {
  await writeDurably(fileOf(run, slot), `${JSON.stringify(record)}\n`);
}

function fileOf(run: string, slot: SlotName): string {
  return join(run, `slot-${slot}.json`);
}

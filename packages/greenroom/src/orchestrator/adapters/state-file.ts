import { readFile } from 'node:fs/promises';
import { initialState, type State } from '../core/state.ts';
import { writeDurably } from './durable.ts';
import type { Head } from './journal/record.ts';

/** `state.json`: what the machine had decided when the journal had come this far. The journal alone can rebuild it; it shows when the journal's end was cut off. */
export interface StateFile {
  journal: Head;
  state: State;
}

/** Null when there is none or it cannot be read: then the journal is replayed from its beginning. */
export async function readState(file: string): Promise<StateFile | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isStateFile(value) ? { journal: value.journal, state: { ...initialState(), ...value.state } } : null;
  } catch {
    return null;
  }
}

function isStateFile(value: unknown): value is StateFile {
  if (typeof value !== 'object' || value === null) return false;
  const { journal, state } = value as Partial<StateFile>;
  return typeof journal?.seq === 'number' && typeof journal.hash === 'string' && typeof state === 'object' && state !== null;
}

export interface StateWriter {
  /** Remembers the newest state; written soon, the latest wins. Never rejects: a failed write is reported and made up for by the next. */
  save(content: StateFile): void;
  /** Waits until what was saved is on disk. */
  flush(): Promise<void>;
}

export function createStateWriter(file: string, report: (problem: string) => void): StateWriter {
  let next: StateFile | null = null;
  let writing: Promise<void> | null = null;

  async function drain(): Promise<void> {
    while (next) {
      const content = next;
      next = null;
      try {
        await writeDurably(file, `${JSON.stringify(content)}\n`);
      } catch (error) {
        report(`${file} could not be written: ${(error as Error).message}`);
      }
    }
    writing = null;
  }

  return {
    save(content) {
      next = content;
      writing ??= drain();
    },
    async flush() {
      await writing;
    },
  };
}

import type { Layout } from '../../layout.ts';
import { readState } from '../state-file.ts';
import { type JournalProblem, readJournal } from './read.ts';

export interface JournalVerdict {
  ok: boolean;
  records: number;
  problems: JournalProblem[];
}

/**
 * Checks that no record was changed, removed or reordered. The chain shows that within the file; records cut off its end show against `state.json`,
 * which remembers how far the journal had come.
 */
export async function verifyJournal(layout: Pick<Layout, 'journal' | 'state'>): Promise<JournalVerdict> {
  // The state first: an orchestrator that is at work appends to the journal before it writes the state.
  const state = await readState(layout.state);
  const { records, head, problems, tornBytes } = await readJournal(layout.journal);
  const found = [...problems];
  const lines = records.length + problems.length;
  if (state && state.journal.seq > head.seq) {
    const seq = head.seq + 1;
    const missing = state.journal.seq - head.seq;
    found.push({
      line: lines + 1,
      seq,
      problem: `is missing: the last ${missing} record(s), ${seq} to ${state.journal.seq}, were cut off`,
    });
  } else if (state) {
    const anchor = records.find((it) => it.seq === state.journal.seq);
    if (anchor && anchor.hash !== state.journal.hash) {
      found.push({
        line: 0,
        seq: anchor.seq,
        problem: `record ${anchor.seq} is not the one that state.json remembers: the journal was rewritten`,
      });
    }
  }
  if (tornBytes > 0)
    found.push({
      line: lines + 1,
      seq: head.seq + 1,
      problem: `is torn: ${tornBytes} bytes of an unfinished record (repaired at the next start)`,
    });
  return { ok: found.length === 0, records: records.length, problems: found };
}

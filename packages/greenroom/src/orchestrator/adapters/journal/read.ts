import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { JournalRecord } from '@greenroom/sdk/wire';
import { decodeRecord, GENESIS, type Head } from './record.ts';

export interface JournalProblem {
  line: number;
  /** Number that the record on this line should have. */
  seq: number;
  problem: string;
}

export interface JournalContent {
  records: JournalRecord[];
  head: Head;
  problems: JournalProblem[];
  /** Bytes up to the end of the last complete line. */
  completeBytes: number;
  /** Bytes of a last line without its end, left by a crash in the middle of a write. */
  tornBytes: number;
}

/**
 * Reads the whole journal and checks the chain. After a damaged record it goes on from what that line says of itself, so that one damage is
 * reported once. A torn last line is no problem: it was never acknowledged. A missing file is an empty journal.
 */
export async function readJournal(file: string): Promise<JournalContent> {
  const content: JournalContent = { records: [], head: { seq: 0, hash: GENESIS }, problems: [], completeBytes: 0, tornBytes: 0 };
  if (!(await exists(file))) return content;
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10)) {
      number += 1;
      take(content, data.toString('utf8', 0, end), number);
      content.completeBytes += end + 1;
      data = data.subarray(end + 1);
    }
    rest = data;
  }
  content.tornBytes = rest.length;
  return content;
}

function take(content: JournalContent, line: string, number: number): void {
  const decoded = decodeRecord(line, content.head);
  if ('record' in decoded) {
    content.records.push(decoded.record);
    content.head = { seq: decoded.record.seq, hash: decoded.record.hash };
    return;
  }
  content.problems.push({ line: number, seq: content.head.seq + 1, problem: decoded.problem });
  content.head = claimedHead(line) ?? { seq: content.head.seq + 1, hash: content.head.hash };
}

/** What a damaged line says its place in the chain is. */
function claimedHead(line: string): Head | null {
  const seq = /"seq":(\d+)/.exec(line)?.[1];
  const hash = /"hash":"([0-9a-f]{64})"\}?$/.exec(line)?.[1];
  return seq !== undefined && hash !== undefined ? { seq: Number(seq), hash } : null;
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

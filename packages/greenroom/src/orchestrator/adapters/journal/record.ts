import { createHash } from 'node:crypto';
import type { JournalRecord } from '@greenroom/sdk/wire';

/** `prev` of the first record. */
export const GENESIS = '0'.repeat(64);

const HASH_MEMBER = /,"hash":"([0-9a-f]{64})"\}$/;

export interface Head {
  seq: number;
  hash: string;
}

/** One line without its newline. The hash is over the line as it would be without its `hash` member, which is always the last. */
export function encodeRecord(head: Head, time: string, entry: { type: string; [field: string]: unknown }): { line: string; head: Head } {
  const body = JSON.stringify({ seq: head.seq + 1, time, prev: head.hash, ...entry });
  const hash = createHash('sha256').update(body).digest('hex');
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, head: { seq: head.seq + 1, hash } };
}

/** The record, or what is wrong with it as a member of the chain after `head`. */
export function decodeRecord(line: string, head: Head): { record: JournalRecord } | { problem: string } {
  const record = parse(line);
  const hash = HASH_MEMBER.exec(line)?.[1];
  if (!record || hash === undefined) return { problem: 'is not a complete record' };
  const body = `${line.slice(0, -`,"hash":"${hash}"}`.length)}}`;
  if (createHash('sha256').update(body).digest('hex') !== hash)
    return { problem: `was changed: record ${record.seq} does not match its hash` };
  if (record.seq !== head.seq + 1)
    return { problem: `is record ${record.seq} where ${head.seq + 1} belongs: records are missing or in another order` };
  if (record.prev !== head.hash)
    return { problem: `does not continue the record before it: record ${record.seq} names another predecessor` };
  return { record };
}

function parse(line: string): JournalRecord | null {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is JournalRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, time, prev, type, hash } = value as Partial<JournalRecord>;
  return (
    typeof seq === 'number' && typeof time === 'string' && typeof prev === 'string' && typeof type === 'string' && typeof hash === 'string'
  );
}

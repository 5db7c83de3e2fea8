import type { Failure, SlotName } from '@greenroom/sdk/wire';
import { GitError } from '../git/git.ts';

const SENTENCES: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EIO: 'the disk reported an error',
  ENOTDIR: 'a file stands where a folder is needed',
  EISDIR: 'a folder stands where a file is needed',
  EMFILE: 'too many open files',
  UNWRITTEN: 'a file could not be written whole, mostly because the disk is full',
  ENAMETOOLONG: 'a name is too long for the file system',
};

const REMEDIES: Record<string, string> = {
  ENOSPC: 'Free some space, then deploy again; the live release is untouched.',
  UNWRITTEN: 'Make sure that there is space left (df), then deploy again; the live release is untouched.',
  EACCES: 'Give the orchestrator’s user the right to write its data directory, then deploy again.',
};

/** What the machine or git refused, as a failure; undefined for a bug, which is to be thrown on. */
export function slotFailure(slot: SlotName, error: unknown): Failure | undefined {
  if (error instanceof GitError) {
    if (error.kind === 'aborted') return { code: 'aborted', error: `Aborted while preparing slot ${slot}.` };
    const code = codeIn(error.stderr || error.message);
    const why = code ? `${SENTENCES[code]} (${error.message})` : error.message;
    return failureOf(slot, why, code, error.stderr);
  }
  const { code, path } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || code === undefined || SENTENCES[code] === undefined) return undefined;
  return failureOf(slot, `${SENTENCES[code]}${path ? `: ${path}` : ''}`, code, '');
}

function failureOf(slot: SlotName, why: string, code: string | undefined, output: string): Failure {
  const remedy = REMEDIES[code ?? ''];
  const tail = output
    .split('\n')
    .filter((line) => line !== '')
    .slice(-10);
  const evidence = { ...(tail.length > 0 ? { log_tail: tail } : {}), ...(remedy ? { remedy } : {}) };
  return { code: 'slot_failed', error: `Slot ${slot} could not be prepared: ${why}.`, evidence };
}

function codeIn(text: string): string | undefined {
  if (/No space left on device|Out of diskspace/i.test(text)) return 'ENOSPC';
  if (/Permission denied/i.test(text)) return 'EACCES';
  if (/Read-only file system/i.test(text)) return 'EROFS';
  if (/Disk quota exceeded/i.test(text)) return 'EDQUOT';
  // Git names no reason when a write that has begun fails.
  return /unable to write (file|.* to disk)/i.test(text) ? 'UNWRITTEN' : undefined;
}

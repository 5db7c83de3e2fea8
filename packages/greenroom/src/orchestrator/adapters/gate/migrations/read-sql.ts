import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SqlFinding } from '../../../core/gate/sql-findings.ts';
import type { SqlWorkerInput } from './worker.ts';

/** Loading both parsers takes a quarter of a second, and a megabyte of SQL about as long. */
export const SQL_DEADLINE_MS = 20_000;
const MEMORY_MB = 512;

/**
 * What each script does, read in a thread of its own: the parsers are loaded there only, their memory is given back, and a script that keeps them busy is
 * ended with it. `problem` is a clause when they did not come to an end.
 */
export async function readSql(
  texts: readonly string[],
  signal: AbortSignal,
  deadlineMs = SQL_DEADLINE_MS,
): Promise<{ ok: true; findings: SqlFinding[][] } | { ok: false; problem: string }> {
  const file = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);
  const worker = new Worker(file, {
    workerData: { texts } satisfies SqlWorkerInput,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<typeof readSql>>>();
  const give = (problem: string): void => resolve({ ok: false, problem });
  const onAbort = (): void => give('it was aborted');
  const timer = setTimeout(() => give(`it took longer than ${Math.round(deadlineMs / 1_000)} s`), deadlineMs);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  worker.once('message', (findings: SqlFinding[][]) => resolve({ ok: true, findings }));
  worker.once('error', (error: Error) => give(error.message));
  worker.once('exit', () => give('the parser ended early'));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}

import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Contract } from '../../../core/contract.ts';
import type { Found } from './scan.ts';
import type { WorkerAnswer, WorkerInput } from './worker.ts';

/** How long the search of one batch may take: some time to load the rules, and about twenty times what a megabyte needs. */
const BASE_DEADLINE_MS = 10_000;
const DEADLINE_MS_PER_MB = 2_000;
const MEGABYTE = 1024 * 1024;
const MEMORY_MB = 1024;

export interface SecretScanner {
  /** What each of the texts holds. The texts' memory is given away. Throws `ScanError` when the search came to no end. */
  scan(texts: Uint8Array<ArrayBuffer>[]): Promise<Found[][]>;
  close(): Promise<void>;
}

/** The texts were not searched, or not to their end. */
export class ScanError extends Error {
  override name = 'ScanError';
}

/** A thread of its own per deploy: it loads the rules only when there is something to search, and can be ended in the middle of a pattern. */
export function createScanner(patterns: Contract['secret_patterns'], signal: AbortSignal, deadlineMs = BASE_DEADLINE_MS): SecretScanner {
  let worker: Worker | undefined;
  const start = (): Worker => {
    const file = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);
    // Nothing of the orchestrator's environment is needed there.
    return new Worker(file, {
      workerData: { patterns } satisfies WorkerInput,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
  };
  const scan: SecretScanner['scan'] = (texts) => {
    if (texts.length === 0) return Promise.resolve([]);
    if (signal.aborted) return Promise.reject(new ScanError('aborted'));
    worker ??= start();
    const megabytes = texts.reduce((sum, text) => sum + text.byteLength, 0) / MEGABYTE;
    return ask(worker, texts, deadlineMs + megabytes * DEADLINE_MS_PER_MB, signal);
  };
  return {
    scan,
    close: async () => {
      await worker?.terminate();
    },
  };
}

function ask(worker: Worker, texts: Uint8Array<ArrayBuffer>[], deadlineMs: number, signal: AbortSignal): Promise<Found[][]> {
  const { promise, resolve, reject } = Promise.withResolvers<Found[][]>();
  const give = (reason: string): void => reject(new ScanError(reason));
  const onMessage = (answer: WorkerAnswer): void => ('found' in answer ? resolve(answer.found) : give(answer.problem));
  const onError = (error: Error): void => give(error.message);
  const onExit = (): void => give('the search ended early');
  const onAbort = (): void => give('aborted');
  const timer = setTimeout(() => give(`it took longer than ${Math.round(deadlineMs / 1000)} s`), deadlineMs);
  worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  signal.addEventListener('abort', onAbort, { once: true });
  worker.postMessage(
    texts,
    texts.map((text) => text.buffer),
  );
  return promise.finally(() => {
    clearTimeout(timer);
    worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    signal.removeEventListener('abort', onAbort);
  });
}

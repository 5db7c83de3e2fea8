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

/**
 * Starts a thread of its own for one deploy: it loads the rules while git is being read, and can be ended in the middle of a pattern. `deadlineMs` is for
 * one call, besides what the texts' size adds.
 */
export function createScanner(patterns: Contract['secret_patterns'], signal: AbortSignal, deadlineMs = BASE_DEADLINE_MS): SecretScanner {
  const file = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);
  // Nothing of the orchestrator's environment is needed there.
  const options = { workerData: { patterns } satisfies WorkerInput, env: {}, resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } };
  const worker = new Worker(file, options);
  let ended = '';
  worker.once('error', (error: Error) => {
    ended = error.message;
  });
  worker.once('exit', () => {
    ended ||= 'the search ended early';
  });
  return {
    scan: (texts) => {
      if (texts.length === 0) return Promise.resolve([]);
      if (ended !== '') return Promise.reject(new ScanError(ended));
      if (signal.aborted) return Promise.reject(new ScanError('aborted'));
      const megabytes = texts.reduce((sum, text) => sum + text.byteLength, 0) / MEGABYTE;
      return ask(worker, texts, deadlineMs + megabytes * DEADLINE_MS_PER_MB, signal);
    },
    close: async () => {
      await worker.terminate();
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

import { parentPort, workerData } from 'node:worker_threads';
import type { SecretPattern } from './patterns.ts';
import { type Found, scanBytes } from './scan.ts';

/** The operator's own patterns, as the contract has them. */
export interface WorkerInput {
  patterns: { name: string; pattern: string }[];
}

/** One text after the other, in the order they were sent. */
export type WorkerAnswer = { found: Found[][] } | { problem: string };

// Regular expressions run here, so that one that runs away can be ended together with its thread.
const port = parentPort;
if (port === null) throw new Error('This file runs as a worker thread.');

const { patterns } = workerData as WorkerInput;
const own: SecretPattern[] = patterns.map(({ name, pattern }) => ({ rule: name, pattern: new RegExp(pattern, 'gmu') }));

port.on('message', async (texts: Uint8Array[]) => {
  try {
    const found: Found[][] = [];
    for (const text of texts) found.push(await scanBytes(text, own));
    port.postMessage({ found } satisfies WorkerAnswer);
  } catch (error) {
    port.postMessage({ problem: error instanceof Error ? error.message : String(error) } satisfies WorkerAnswer);
  }
});

import { setTimeout as sleep } from 'node:timers/promises';
import type { Mask } from '../../core/mask.ts';
import { createLogReader, readTail } from './log-reader.ts';
import { tailLines } from './text.ts';

const READ_INTERVAL_MS = 200;
/** Of one batch; what an app writes beyond that between two looks is left out, and said so. */
const BATCH_LINES = 1_000;
const BATCH_BYTES = 256 * 1024;

export interface FollowLog {
  file: string;
  /** How many of the last lines come first. */
  lines: number;
  mask(): Promise<Mask>;
  signal: AbortSignal;
  /** Whether nothing more will come: what is there is read, and then it ends. */
  over(): boolean;
}

/** Lines of a log as they come, in batches, made fit to be shown as `tailLines` does. Goes on over a log that is cut. */
export async function* followLog({ file, lines, mask, signal, over }: FollowLog): AsyncGenerator<string[], void, undefined> {
  const tail = await readTail(file, lines);
  const fit = async (raw: string[]): Promise<string[]> => {
    const shown = tailLines(raw.join('\n'), BATCH_LINES, BATCH_BYTES, await mask());
    return raw.length > BATCH_LINES ? [`(${raw.length - BATCH_LINES} lines left out: they came too fast)`, ...shown] : shown;
  };
  if (tail && tail.lines.length > 0) yield await fit(tail.lines);
  const reader = createLogReader(file, tail?.size ?? 0);
  while (!signal.aborted) {
    const last = over();
    const raw = await reader.read();
    if (last) raw.push(...reader.rest());
    if (raw.length > 0) yield await fit(raw);
    if (last) return;
    await pause(READ_INTERVAL_MS, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

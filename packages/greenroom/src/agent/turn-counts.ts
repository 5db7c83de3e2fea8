import { readFile } from 'node:fs/promises';
import type { FinalStatus, Turn } from './transcript.ts';
import { writeDurably } from './workspace/files.ts';

/** `agent/turns.json`: all turns that ran, by how they ended, for the orchestrator's metrics. Conversations are deleted; these counts only grow. */
export interface TurnCounts {
  version: 1;
  /** Upper bounds of the buckets, in seconds. */
  bounds: number[];
  /** Turns in each bucket by itself, one more than there are bounds, and the seconds of all together. */
  outcomes: Partial<Record<FinalStatus, { counts: number[]; sum: number }>>;
}

/** From a question to an afternoon, in seconds. */
const TURN_SECONDS = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200];

/**
 * Counts a turn that has ended. Only one turn runs at a time, so nobody else counts meanwhile. A count that a crash or a full disk swallows is missed by
 * nobody: the transcript has the turn.
 */
export async function countTurn(
  file: string,
  { started_at }: Pick<Turn, 'started_at'>,
  status: FinalStatus,
  log: (message: string) => void,
): Promise<void> {
  const seconds = started_at === '' ? 0 : Math.max(0, Date.now() - Date.parse(started_at)) / 1_000;
  try {
    const known = await read(file);
    const { counts, sum } = known.outcomes[status] ?? { counts: new Array<number>(TURN_SECONDS.length + 1).fill(0), sum: 0 };
    const found = TURN_SECONDS.findIndex((bound) => seconds <= bound);
    const bucket = found === -1 ? TURN_SECONDS.length : found;
    const outcomes = { ...known.outcomes, [status]: { counts: counts.map((it, at) => (at === bucket ? it + 1 : it)), sum: sum + seconds } };
    const content: TurnCounts = { ...known, outcomes };
    await writeDurably(file, `${JSON.stringify(content)}\n`);
  } catch (error) {
    log(`The turn could not be counted: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Begins anew when there is nothing, or nothing that this version can add to. */
async function read(file: string): Promise<TurnCounts> {
  const empty: TurnCounts = { version: 1, bounds: TURN_SECONDS, outcomes: {} };
  try {
    const known = JSON.parse(await readFile(file, 'utf8')) as Partial<TurnCounts> | null;
    const fits = known?.version === 1 && JSON.stringify(known.bounds) === JSON.stringify(TURN_SECONDS);
    return fits && known.outcomes ? { ...empty, outcomes: known.outcomes } : empty;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return empty;
    throw error;
  }
}

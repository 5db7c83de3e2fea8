import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import type { ProcessIdentity } from '../../proc.ts';
import { writeDurably } from '../workspace/files.ts';

/** `run/agent-turn.json`: tells the orchestrator whose workspace is in use and which processes are not the app's. */
export interface TurnFile extends ProcessIdentity {
  turn: string;
  conversation: string;
  /** The agent's own process, once it is started. */
  agent?: { pid: number; start_ticks: number };
}

export async function writeTurnFile(file: string, content: TurnFile): Promise<void> {
  await writeDurably(file, `${JSON.stringify(content)}\n`, 0o644);
}

/** Undefined when there is none, or none that can be understood. */
export function readTurnFile(file: string): TurnFile | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isTurnFile(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes it when it names that process, and leaves another's alone. */
export async function removeTurnFile(file: string, of: Pick<ProcessIdentity, 'pid' | 'start_ticks'>): Promise<void> {
  const found = readTurnFile(file);
  const unreadable = !found && (await readFile(file, 'utf8').catch(() => '')) !== '';
  if (unreadable || (found?.pid === of.pid && found.start_ticks === of.start_ticks)) await rm(file, { force: true });
}

function isTurnFile(value: unknown): value is TurnFile {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, start_ticks, boot_id, turn } = value as Record<string, unknown>;
  return Number.isInteger(pid) && Number.isInteger(start_ticks) && typeof boot_id === 'string' && typeof turn === 'string';
}

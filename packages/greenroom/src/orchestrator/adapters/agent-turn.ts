import { readFileSync } from 'node:fs';
import { isAlive } from '../../proc.ts';
import type { Layout } from '../layout.ts';

/**
 * Whether a turn of the agent is under way: `run/agent-turn.json` names its runner, `{ pid, start_ticks, boot_id }`, for as long as it is at work in
 * the workspace. A file that a killed runner left behind does not count.
 */
export function agentBusy(layout: Pick<Layout, 'agentTurn'>): boolean {
  try {
    const turn = JSON.parse(readFileSync(layout.agentTurn, 'utf8')) as Partial<Record<string, unknown>>;
    const { pid, start_ticks, boot_id } = turn;
    return (
      typeof pid === 'number' && typeof start_ticks === 'number' && typeof boot_id === 'string' && isAlive({ pid, start_ticks, boot_id })
    );
  } catch {
    return false;
  }
}

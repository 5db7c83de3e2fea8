import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from '../layout.ts';
import { readBootId, runsStill } from './instances/proc.ts';

/**
 * Whether a turn of the agent is under way: `run/agent-turn.json` names its runner, `{ pid, start_ticks, boot_id }`, for as long as it is at work in
 * the workspace. A file that a killed runner left behind does not count.
 */
export function agentBusy(layout: Pick<Layout, 'run'>): boolean {
  try {
    const turn = JSON.parse(readFileSync(join(layout.run, 'agent-turn.json'), 'utf8')) as Partial<Record<string, unknown>>;
    const { pid, start_ticks, boot_id } = turn;
    return typeof pid === 'number' && typeof start_ticks === 'number' && boot_id === readBootId() && runsStill(pid, start_ticks);
  } catch {
    return false;
  }
}

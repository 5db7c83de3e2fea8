import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from './answer.ts';
import type { ToolsContext } from './context.ts';

/** An upgrade of the orchestrator takes about a second; who is away for longer was stopped. */
const UPGRADE_MS = 5_000;
const LOOK_INTERVAL_MS = 50;

/** Before something is asked of the orchestrator that the agent would not ask for twice: waits a moment for one that is just being replaced. */
export async function awaitUpgrade({ client, restartWaitMs }: ToolsContext, { signal }: Call): Promise<void> {
  const deadline = performance.now() + Math.min(UPGRADE_MS, restartWaitMs);
  while (!signal.aborted && performance.now() < deadline && !(await client.ready())) await sleep(LOOK_INTERVAL_MS);
}

import type { GreenroomClient } from '@greenroom/sdk/client';
import type { AttemptView, FailureCode } from '@greenroom/sdk/wire';

/** The orchestrator remembers as many. */
const LOOK_AT = 500;

/** What ends a deploy through no fault of its commit: it costs the turn no try. */
const NOT_THE_COMMITS: readonly FailureCode[] = ['superseded', 'aborted', 'interrupted', 'shutting_down'];

/**
 * How many deploys of the turn were refused or failed. Counted from the journal, so that a restart of whoever asks, and whether it asks by MCP or
 * by the command, makes no difference.
 */
export async function failedDeploys(client: GreenroomClient, turn: string): Promise<number> {
  return (await client.deploys({ limit: LOOK_AT })).filter((it) => it.origin?.turn === turn && costsATry(it)).length;
}

export function costsATry({ kind, status, code }: AttemptView): boolean {
  const failed = status === 'failed' || status === 'rolled_back';
  return kind === 'deploy' && failed && !(code && NOT_THE_COMMITS.includes(code));
}

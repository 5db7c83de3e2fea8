import type { GreenroomClient } from '@greenroom/sdk/client';
import type { AttemptView, FailureCode, Refusal } from '@greenroom/sdk/wire';

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

/** What to do after a failure that no commit can repair; nothing for others. */
export function stopSentence({ code, ...outcome }: AttemptView | Refusal): string | undefined {
  const approval = 'approval' in outcome ? outcome.approval?.state : undefined;
  if (approval === 'denied')
    return 'A person decided against it. Do not deploy it again; end your turn, and say what you understood of why.';
  if (approval === 'expired') return 'Nobody decided in time. Do not deploy it again by yourself; end your turn with a summary.';
  if (code === 'frozen') return 'A person has stopped deploys. Do not try again; end your turn and report what waits to be deployed.';
  if (code === 'rate_limited')
    return 'The limit of deploys is the operator’s. Do not try again in this turn; report what waits to be deployed.';
  return undefined;
}

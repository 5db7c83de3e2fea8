import { createClient, GreenroomAnswerError, GreenroomUnreachable } from '@greenroom/sdk/client';

/** A remote that does not answer must not keep a turn waiting for long. */
const TIMEOUT_MS = 30_000;

/**
 * Has the orchestrator fetch a branch of its remote, by a deploy that is only a rehearsal: for a branch it always asks the remote. Answers an empty
 * string, or why that could not be done, as a clause.
 */
export async function askToFetch(agentSocket: string, branch: string): Promise<string> {
  try {
    const answer = await createClient({ socket: agentSocket }).deploy(
      { branch, dry_run: true },
      { signal: AbortSignal.timeout(TIMEOUT_MS) },
    );
    return answer.success ? '' : answer.error.replace(/\.$/, '');
  } catch (error) {
    if (error instanceof GreenroomUnreachable) return 'the orchestrator does not answer';
    if (error instanceof GreenroomAnswerError) return error.message.replace(/\.$/, '');
    if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) return 'the remote took too long';
    throw error;
  }
}

import { type Followed, type FollowOptions, followAttempt, type GreenroomClient } from '@greenroom/sdk/client';
import type { Accepted, DryRun, Refusal } from '@greenroom/sdk/wire';
import { CliError, EXIT } from '../context.ts';

/** What a command shows while it follows an attempt. */
export type FollowView = Required<Pick<FollowOptions, 'update' | 'lost' | 'found'>>;

/** Submits an attempt and follows it until it is decided. Throws `CliError` when the orchestrator goes away for good. */
export async function follow(
  client: GreenroomClient,
  submit: () => Promise<Accepted | DryRun | Refusal>,
  view: FollowView,
): Promise<Extract<Followed, { kind: 'decided' | 'answered' }>> {
  const followed = await followAttempt(client, submit, view);
  if (followed.kind === 'decided' || followed.kind === 'answered') return followed;
  const { id } = followed;
  if (followed.kind === 'lost' && followed.why === 'unknown')
    throw new CliError(EXIT.failed, 'not_found', `The orchestrator does not know attempt ${id}. "greenroom log" shows what it knows.`);
  const message = `The orchestrator went away during attempt ${id} and did not come back. Start it again with "greenroom start", then see: greenroom log ${id}`;
  throw new CliError(EXIT.unreachable, 'unreachable', message);
}

import type { GreenroomClient } from '@greenroom/sdk/client';
import type { AttemptView, Status } from '@greenroom/sdk/wire';
import { type Cli, CliError, EXIT } from './context.ts';
import type { AppFlags } from './flags.ts';
import { connectAsOperator, findTarget } from './target.ts';
import { plain } from './terminal.ts';

export interface Waiting {
  client: GreenroomClient;
  /** The attempt that was named, or the one that waits for approval. */
  id: string;
}

/** Finds the deploy that a person decides about. Throws `CliError` when none is named and none waits. */
export async function findWaiting(cli: Cli, flags: AppFlags, command: string, id?: string): Promise<Waiting> {
  const client = await connectAsOperator(await findTarget(cli, flags), command);
  if (id !== undefined) return { client, id };
  const { attempt } = await client.status();
  if (attempt?.approval?.state === 'waiting') return { client, id: attempt.id };
  throw new CliError(EXIT.failed, 'not_waiting', 'No deploy waits for approval. "greenroom log" shows what became of earlier ones.');
}

/** What is said of an attempt that waits, and where it can be looked at; nothing of one that does not. */
export function waitingLines({ id, approval }: AttemptView, status?: Pick<Status, 'port'>): string[] {
  if (approval?.state !== 'waiting') return [];
  const lines = [`waits for approval until ${plain(approval.until)}: greenroom approve ${plain(id)}, or greenroom deny ${plain(id)}`];
  if (approval.preview_path === '') return [...lines, 'it cannot be looked at first: that takes the embedded proxy'];
  const where = status
    ? `http://localhost:${status.port}${plain(approval.preview_path)}`
    : `${plain(approval.preview_path)} on the app's port`;
  return [...lines, `look at it first: ${where}`];
}

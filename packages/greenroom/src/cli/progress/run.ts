import type { GreenroomClient } from '@greenroom/sdk/client';
import type { Accepted, AttemptKind, DryRun, Refusal } from '@greenroom/sdk/wire';
import { type Cli, EXIT, type Exit } from '../context.ts';
import { json } from '../terminal.ts';
import { follow } from './follow.ts';
import { tellAttempt, tellDryRun, tellRefusal, tellUnreached } from './outcome.ts';
import { createProgress } from './view.ts';

/** A deploy, rollback or restart from the request to its last word. Answers the exit code. */
export async function runAttempt(
  cli: Cli,
  client: GreenroomClient,
  kind: AttemptKind,
  submit: () => Promise<Accepted | DryRun | Refusal>,
  asJson: boolean,
): Promise<Exit> {
  const progress = createProgress(cli, asJson);
  const interrupt = (): void => {
    progress.stop();
    cli.warn(`! not watching any more; the ${kind} goes on. See: greenroom status`);
    process.exit(EXIT.interrupted);
  };
  process.once('SIGINT', interrupt);
  try {
    const followed = await follow(client, submit, progress);
    progress.stop();
    if (followed.kind === 'decided') {
      const exit = tellAttempt(cli, followed.attempt, asJson);
      if (exit === EXIT.ok && !asJson) tellUnreached(cli, await client.status().catch(() => null));
      return exit;
    }
    const { answer } = followed;
    if (asJson) cli.say(json({ type: 'result', ...answer }));
    else if (answer.success) tellDryRun(cli, answer);
    else tellRefusal(cli, kind, answer);
    return answer.success ? EXIT.ok : EXIT.failed;
  } finally {
    progress.stop();
    process.removeListener('SIGINT', interrupt);
  }
}

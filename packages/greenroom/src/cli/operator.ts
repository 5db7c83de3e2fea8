import type { GreenroomClient } from '@greenroom/sdk/client';
import type { Refusal } from '@greenroom/sdk/wire';
import { type Cli, CliError, EXIT, type Exit } from './context.ts';
import type { AppFlags } from './flags.ts';
import { tellRefusal } from './progress/outcome.ts';
import { connectAsOperator, findTarget } from './target.ts';
import { json } from './terminal.ts';

/** A call that only the operator's socket serves: `tell` shows what it answered, a refusal goes to standard error. */
export async function operatorCall<T extends { success: true }>(
  cli: Cli,
  flags: AppFlags,
  what: string,
  call: (client: GreenroomClient) => Promise<T | Refusal>,
  tell: (answer: T) => void,
): Promise<Exit> {
  const answer = await call(await connectAsOperator(await findTarget(cli, flags), what));
  if (!answer.success && answer.code === 'not_found') {
    throw new CliError(EXIT.unreachable, 'unexpected_answer', `The orchestrator is of a version without \`${what}\`: restart it.`);
  }
  if (flags.json) cli.say(json(answer, 2));
  if (answer.success) {
    if (!flags.json) tell(answer);
    return EXIT.ok;
  }
  tellRefusal(cli, what, answer);
  return EXIT.failed;
}

/** Parser of a reason that has to say something. */
export function why(input: string): string {
  if (input.trim() !== '') return input;
  throw new SyntaxError('say why in a few words');
}

import { buildCommand } from '@stricli/core';
import { ownName } from '../../own-name.ts';
import { action, type Cli, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { tellRefusal } from '../progress/outcome.ts';
import { json, plain } from '../terminal.ts';
import { findWaiting } from '../waiting.ts';

interface DenyFlags extends AppFlags {
  readonly by?: string;
  readonly reason?: string;
}

export const deny = buildCommand<DenyFlags, [id?: string], Cli>({
  func: action(async (cli: Cli, flags: DenyFlags, asked?: string) => {
    const { client, id } = await findWaiting(cli, flags, 'deny', asked);
    const { by = ownName(), reason } = flags;
    const answer = await client.deny({ id, by, ...(reason === undefined ? {} : { reason }) });
    if (flags.json) cli.say(json(answer, 2));
    if (!answer.success) {
      tellRefusal(cli, 'deny', answer);
      return EXIT.failed;
    }
    if (!flags.json) cli.say(`${cli.paint('green', '✓')} Deploy ${plain(answer.id)} does not go live. The live release is untouched.`);
    return EXIT.ok;
  }),
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, optional: true, brief: 'Id of the deploy (default: the one that waits)', placeholder: 'ID' }],
    },
    flags: {
      by: { kind: 'parsed', parse: text, optional: true, brief: 'Who denies it (default: your user name)', placeholder: 'NAME' },
      reason: { kind: 'parsed', parse: text, optional: true, brief: 'Why, for the agent and the journal', placeholder: 'TEXT' },
      ...appFlags,
    },
  },
  docs: {
    brief: "End the agent's deploy that waits, instead of letting it go live",
    fullDescription: description('The agent is told the reason, so that it can do it differently.', [
      ['greenroom deny --reason "the button is too small"', 'the one that waits'],
      ['greenroom deny 20260201T120000-1a2b3c', 'this one, or none'],
    ]),
  },
});

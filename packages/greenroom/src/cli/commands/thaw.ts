import { buildCommand } from '@stricli/core';
import { action, type Cli } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { operatorCall } from '../operator.ts';

interface ThawFlags extends AppFlags {
  readonly reason?: string;
}

export const thaw = buildCommand<ThawFlags, [], Cli>({
  func: action(async (cli: Cli, flags: ThawFlags) => {
    return await operatorCall(
      cli,
      flags,
      'thaw',
      (client) => client.thaw(flags.reason === undefined ? {} : { reason: flags.reason }),
      () => cli.say(`${cli.paint('green', '✓')} Deploys go on.`),
    );
  }),
  parameters: {
    flags: {
      reason: { kind: 'parsed', parse: text, optional: true, brief: 'Why, for the journal', placeholder: 'TEXT' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Let deploys go on after a freeze',
    fullDescription: description(
      'Deploys that were refused are not repeated, but the loop catches up with what people have pushed meanwhile. Nothing happens when nothing is frozen.',
      [
        ['greenroom thaw', 'of the app of this folder'],
        ['greenroom thaw --reason "sale is over"', 'with a reason for the journal'],
      ],
    ),
  },
});

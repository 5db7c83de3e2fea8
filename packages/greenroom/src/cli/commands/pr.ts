import { buildCommand } from '@stricli/core';
import { action, type Cli } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { operatorCall } from '../operator.ts';
import { plain } from '../terminal.ts';

export const pr = buildCommand<AppFlags, [], Cli>({
  func: action(async (cli: Cli, flags: AppFlags) => {
    return await operatorCall(
      cli,
      flags,
      'pr',
      (client) => client.pullRequest(),
      ({ change, url }) => {
        if (change === 'nothing') cli.say("There is nothing to merge: the agent's branch has no commit that the human one lacks.");
        else cli.say(`${cli.paint('green', '✓')} ${change}: ${plain(url)}`);
      },
    );
  }),
  parameters: { flags: appFlags },
  docs: {
    brief: "Open or update the pull request of the agent's work",
    fullDescription: description(
      "From the agent's branch to the human one, with a list of the deploys in it. What people wrote around that list stays. Needs GitHub credentials.",
      [
        ['greenroom pr', 'prints the address of the pull request'],
        ['greenroom pr --json | jq -r .url', 'for scripts'],
      ],
    ),
  },
});

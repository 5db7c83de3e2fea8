import { buildCommand } from '@stricli/core';
import { action, type Cli } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { operatorCall, why } from '../operator.ts';

interface FreezeFlags extends AppFlags {
  readonly all: boolean;
  readonly reason: string;
}

export const freeze = buildCommand<FreezeFlags, [], Cli>({
  func: action(async (cli: Cli, flags: FreezeFlags) => {
    const scope = flags.all ? 'all' : 'agent';
    return await operatorCall(
      cli,
      flags,
      'freeze',
      (client) => client.freeze({ scope, reason: flags.reason }),
      () => {
        const whose = flags.all ? 'All deploys are stopped' : "The agent's deploys are stopped";
        cli.say(`${cli.paint('green', '✓')} ${whose}. Rollbacks still work. Let them go on with: greenroom thaw`);
      },
    );
  }),
  parameters: {
    flags: {
      all: { kind: 'boolean', default: false, withNegated: false, brief: "Stop everybody's deploys, not only the agent's" },
      reason: { kind: 'parsed', parse: why, brief: 'Why; shown to whoever is refused', placeholder: 'TEXT' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Stop deploys of the agent, or all, until they are thawed',
    fullDescription: description(
      'What waits or asks for a deploy meanwhile is refused with the code `frozen` and the reason; a deploy under way is finished, rollbacks work. Survives a restart.',
      [
        ['greenroom freeze --reason "sale until Monday"', 'the agent waits, people deploy'],
        ['greenroom freeze --all --reason "database move"', 'nobody deploys'],
      ],
    ),
  },
});

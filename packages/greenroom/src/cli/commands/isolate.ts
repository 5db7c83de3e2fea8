import { buildCommand } from '@stricli/core';
import { action, type Cli } from '../context.ts';
import { appFlags, description } from '../flags.ts';
import type { IsolateFlags } from '../isolate/isolate.ts';

export const isolate = buildCommand<IsolateFlags, [], Cli>({
  func: action(async (cli: Cli, flags: IsolateFlags) => await (await import('../isolate/isolate.ts')).isolate(cli, flags)),
  parameters: {
    flags: {
      check: { kind: 'boolean', default: false, withNegated: false, brief: 'Look whether everything is so, and change nothing' },
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Say what would be done, and do nothing' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Give app, setup and agent users of their own, and each its own files',
    fullDescription: description(
      [
        "Makes the machine's users and groups for one app, gives the data directory to them and names them in the contract. Says each thing that it",
        'does, does only what is not so yet, and can be run again at any time while the app is stopped. Needs root.',
      ].join('\n'),
      [
        ['greenroom isolate --app shop --dry-run', 'what would be done'],
        ['greenroom isolate --app shop', 'do it'],
        ['greenroom isolate --app shop --check', 'whether everything is still so; exit code 1 when it is not'],
      ],
    ),
  },
});

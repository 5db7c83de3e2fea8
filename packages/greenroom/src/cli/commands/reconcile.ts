import type { ReconcileAnswer } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { action, type Cli } from '../context.ts';
import { driftRows } from '../drift-rows.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { operatorCall } from '../operator.ts';

interface ReconcileFlags extends AppFlags {
  readonly dryRun: boolean;
}

export const reconcile = buildCommand<ReconcileFlags, [], Cli>({
  func: action(async (cli: Cli, flags: ReconcileFlags) => {
    return await operatorCall(
      cli,
      flags,
      'reconcile',
      (client) => client.reconcile({ dry_run: flags.dryRun }),
      (answer) => {
        for (const line of lines(answer)) cli.say(line);
      },
    );
  }),
  parameters: {
    flags: {
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Say what was found, do nothing about it' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Check now what is checked between deploys, and act on it',
    fullDescription: description(
      'One round of the loop that runs every `reconcile_interval_ms`. Prints the name of each finding, what is done about it, and what was found.',
      [
        ['greenroom reconcile --dry-run', 'only look'],
        ['greenroom reconcile', 'look and act'],
      ],
    ),
  },
});

function lines({ drift, dry_run }: ReconcileAnswer): string[] {
  if (drift.length === 0) return ['Everything is as it should be.'];
  return [`Found${dry_run ? ' (nothing was done about it)' : ''}:`, ...driftRows(drift).map((line) => `  ${line}`)];
}

import type { RollbackBody } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { action, type Cli, traceOf } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { runAttempt } from '../progress/run.ts';
import { connect, findTarget } from '../target.ts';

interface RollbackFlags extends AppFlags {
  readonly reason?: string;
  readonly dryRun: boolean;
}

export const rollback = buildCommand<RollbackFlags, [], Cli>({
  func: action(async (cli: Cli, flags: RollbackFlags) => {
    const client = await connect(await findTarget(cli, flags));
    const body: RollbackBody = {
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
      ...(flags.dryRun ? { dry_run: true } : {}),
      trigger: 'manual',
    };
    return await runAttempt(cli, client, 'rollback', () => client.rollback(body, { async: true, ...traceOf(cli) }), flags.json);
  }),
  parameters: {
    flags: {
      reason: { kind: 'parsed', parse: text, optional: true, brief: 'Why, for the journal', placeholder: 'TEXT' },
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Say what would happen, change nothing' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Go back to the release before the live one',
    fullDescription: description(
      'Never waits behind a deploy: one that is not live yet is aborted. The commit that was rolled back from is quarantined: only a person deploys it again.',
      [
        ['greenroom rollback', 'at once'],
        ['greenroom rollback --reason "errors in checkout"', 'with a reason for the journal'],
      ],
    ),
  },
});

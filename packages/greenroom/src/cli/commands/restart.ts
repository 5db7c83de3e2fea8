import type { RestartBody } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { action, type Cli, traceOf } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { runAttempt } from '../progress/run.ts';
import { connectAsOperator, findTarget } from '../target.ts';

interface RestartFlags extends AppFlags {
  readonly reason?: string;
  readonly dryRun: boolean;
}

export const restart = buildCommand<RestartFlags, [], Cli>({
  func: action(async (cli: Cli, flags: RestartFlags) => {
    const client = await connectAsOperator(await findTarget(cli, flags), 'restart');
    const body: RestartBody = {
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
      ...(flags.dryRun ? { dry_run: true } : {}),
    };
    return await runAttempt(cli, client, 'restart', () => client.restart(body, { async: true, ...traceOf(cli) }), flags.json);
  }),
  parameters: {
    flags: {
      reason: { kind: 'parsed', parse: text, optional: true, brief: 'Why, for the journal', placeholder: 'TEXT' },
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Say what would happen, change nothing' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Serve the live release by a fresh instance, with new secrets',
    fullDescription: description(
      'Reads the secrets anew, boots the live commit beside the instance that serves, probes it and gives it the traffic: no request is lost. An instance that does not prove itself is stopped, and the old one goes on. The way back stays as it is; a warm instance of the release before is stopped, because it has the old secrets.',
      [
        ['greenroom restart', 'after a secret has been changed'],
        ['greenroom restart --reason "new database password"', 'with a reason for the journal'],
      ],
    ),
  },
});

import { buildCommand, buildRouteMap } from '@stricli/core';
import { createSecrets } from '../../orchestrator/adapters/secrets.ts';
import { action, type Cli, CliError, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { duration } from '../format.ts';
import { findTarget } from '../target.ts';
import { json, plain } from '../terminal.ts';

const test = buildCommand<AppFlags, [], Cli>({
  func: action(async (cli: Cli, flags: AppFlags) => {
    const { app, layout } = await findTarget(cli, flags);
    const { readContract } = await import('../../orchestrator/adapters/contract-file.ts');
    const read = await readContract(app.contract);
    if (!read.ok) throw new CliError(EXIT.failed, 'invalid_contract', read.sentences.join('\n'));
    const secrets = createSecrets({ layout, contract: read.contract, env: cli.env });
    const { testTargets } = await import('../../orchestrator/adapters/alerts/test-targets.ts');
    const targets = await testTargets({ app: app.name, contract: read.contract, secrets });
    if (targets.length === 0) {
      throw new CliError(
        EXIT.failed,
        'no_targets',
        `"${app.name}" has no place to send alerts to.\nSet alert_webhook or alert_targets in ${app.contract}.`,
      );
    }
    const ok = targets.every((it) => it.ok);
    if (flags.json) cli.say(json({ ok, targets }, 2));
    else {
      for (const it of targets) {
        if (it.ok) cli.say(`${cli.paint('green', '✓')} ${plain(it.target)}: delivered in ${duration(it.ms)}`);
        else cli.say(`${cli.paint('red', '✗')} ${plain(it.target)}: ${plain(it.error)}`);
      }
    }
    return ok ? EXIT.ok : EXIT.failed;
  }),
  parameters: { flags: appFlags },
  docs: {
    brief: 'Send a test alert to every place that alerts go to',
    fullDescription: description('Needs no orchestrator. Exits with 1 when a place did not take it.', [
      ['greenroom alert test', 'the app of this folder'],
      ['greenroom alert test --json', 'one entry per place, for scripts'],
    ]),
  },
});

export const alert = buildRouteMap<'test', Cli>({
  routes: { test },
  docs: { brief: 'Test the places that alerts are sent to' },
});

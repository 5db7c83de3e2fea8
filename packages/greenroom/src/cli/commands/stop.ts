import { buildCommand } from '@stricli/core';
import { requireAllAlone, stopAll } from '../apps/all.ts';
import { stopApp } from '../apps/stop-app.ts';
import { action, type Cli, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { duration } from '../format.ts';
import { findTarget } from '../target.ts';
import { json } from '../terminal.ts';

interface StopFlags extends AppFlags {
  readonly all: boolean;
  readonly detachApp: boolean;
}

export const stop = buildCommand<StopFlags, [], Cli>({
  func: action(async (cli: Cli, flags: StopFlags) => {
    if (flags.all) {
      requireAllAlone({ ...flags }, ['app', 'data']);
      return await stopAll(cli, flags);
    }
    const target = await findTarget(cli, flags);
    const { name } = target.app;
    const { was_running, duration_ms } = await stopApp(target, flags.detachApp, () => {
      if (!flags.json)
        cli.say(flags.detachApp ? 'Stopping the orchestrator; the app stays up.' : `Stopping "${name}": draining, then ending it.`);
    });
    if (!was_running)
      cli.say(flags.json ? json({ success: true, app: name, was_running }) : `The orchestrator of "${name}" is not running.`);
    else if (flags.json) cli.say(json({ success: true, app: name, was_running, app_detached: flags.detachApp, duration_ms }));
    else
      cli.say(
        `${cli.paint('green', '✓')} stopped after ${duration(duration_ms)}${flags.detachApp ? `; "greenroom start --app ${name}" takes the app over again` : ''}`,
      );
    return EXIT.ok;
  }),
  parameters: {
    flags: {
      all: { kind: 'boolean', default: false, withNegated: false, brief: 'Every app of this machine' },
      detachApp: { kind: 'boolean', default: false, withNegated: false, brief: 'Leave the app running, for an upgrade of Greenroom' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Stop the app and its orchestrator, and wait until both are gone',
    fullDescription: description('Requests in flight are finished first. What is not running counts as stopped.', [
      ['greenroom stop', 'the app of this folder'],
      ['greenroom stop --app shop --detach-app', 'only the orchestrator'],
      ['greenroom stop --all', 'every app of this machine'],
    ]),
  },
});

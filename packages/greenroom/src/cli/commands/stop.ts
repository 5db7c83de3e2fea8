import { setTimeout as sleep } from 'node:timers/promises';
import { buildCommand } from '@stricli/core';
import { isAlive } from '../../proc.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { endMounted } from '../chat/hold.ts';
import { action, type Cli, CliError, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { duration } from '../format.ts';
import { findTarget } from '../target.ts';
import { json } from '../terminal.ts';

const LOOK_INTERVAL_MS = 25;

interface StopFlags extends AppFlags {
  readonly detachApp: boolean;
}

export const stop = buildCommand<StopFlags, [], Cli>({
  func: action(async (cli: Cli, flags: StopFlags) => {
    const { app, layout } = await findTarget(cli, flags);
    const running = await runningOrchestrator(layout);
    if (!running) {
      if (!flags.detachApp) await endMounted(layout);
      cli.say(
        flags.json ? json({ success: true, app: app.name, was_running: false }) : `The orchestrator of "${app.name}" is not running.`,
      );
      return EXIT.ok;
    }
    const begun = Date.now();
    signal(running.pid, flags.detachApp ? 'SIGUSR2' : 'SIGTERM');
    if (!flags.json)
      cli.say(flags.detachApp ? 'Stopping the orchestrator; the app stays up.' : `Stopping "${app.name}": draining, then ending it.`);
    // No time limit: the drain has one of its own, and a person can press Ctrl-C.
    while (isAlive(running)) await sleep(LOOK_INTERVAL_MS);
    if (!flags.detachApp) await endMounted(layout);
    const took = Date.now() - begun;
    if (flags.json) cli.say(json({ success: true, app: app.name, was_running: true, app_detached: flags.detachApp, duration_ms: took }));
    else
      cli.say(
        `${cli.paint('green', '✓')} stopped after ${duration(took)}${flags.detachApp ? `; "greenroom start --app ${app.name}" takes the app over again` : ''}`,
      );
    return EXIT.ok;
  }),
  parameters: {
    flags: {
      detachApp: { kind: 'boolean', default: false, withNegated: false, brief: 'Leave the app running, for an upgrade of Greenroom' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Stop the app and its orchestrator, and wait until both are gone',
    fullDescription: description('Requests in flight are finished first. What is not running counts as stopped.', [
      ['greenroom stop', 'the app of this folder'],
      ['greenroom stop --app shop --detach-app', 'only the orchestrator'],
    ]),
  },
});

function signal(pid: number, name: 'SIGTERM' | 'SIGUSR2'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    if (code !== 'EPERM') throw error;
    throw new CliError(
      EXIT.failed,
      'not_permitted',
      `You may not stop process ${pid}: run this as the user that started the orchestrator.`,
    );
  }
}

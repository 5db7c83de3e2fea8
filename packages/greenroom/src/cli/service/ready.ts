import { setTimeout as sleep } from 'node:timers/promises';
import { answersReady } from '../apps/start-detached.ts';
import { type Cli, CliError, EXIT, type Exit } from '../context.ts';
import type { AppFlags } from '../flags.ts';
import { findTarget } from '../target.ts';

const LOOK_INTERVAL_MS = 50;

/** Waits until the app's orchestrator is ready, for systemd, which sets the limit and ends this when the orchestrator ends first. */
export async function ready(cli: Cli, flags: AppFlags): Promise<Exit> {
  const { layout } = await findTarget(cli, flags);
  const { MAINPID: main } = cli.env;
  if (main === undefined)
    throw new CliError(EXIT.usage, 'usage', 'This is for systemd to run beside an orchestrator. See: greenroom status');
  while (!(await answersReady(layout, Number(main)))) await sleep(LOOK_INTERVAL_MS);
  return EXIT.ok;
}

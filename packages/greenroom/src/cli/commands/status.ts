import { setTimeout as sleep } from 'node:timers/promises';
import { type GreenroomClient, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { Status } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { runningOrchestrator } from '../../registry/running.ts';
import { action, type Cli, EXIT, type Exit } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { statusLines } from '../status-lines.ts';
import { connect, findTarget, type Target } from '../target.ts';
import { json } from '../terminal.ts';

const WATCH_INTERVAL_MS = 1_000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

interface StatusFlags extends AppFlags {
  readonly watch: boolean;
}

export const status = buildCommand<StatusFlags, [], Cli>({
  func: action(async (cli: Cli, flags: StatusFlags) => {
    const target = await findTarget(cli, flags);
    const client = await connect(target);
    if (flags.watch) return await watch(cli, target, client, flags.json);
    const now = await client.status();
    cli.say(flags.json ? json(now, 2) : await shownFor(cli, target, now));
    return EXIT.ok;
  }),
  parameters: {
    flags: {
      watch: { kind: 'boolean', default: false, withNegated: false, brief: 'Show it again whenever it changes, until Ctrl-C' },
      ...appFlags,
    },
    aliases: { w: 'watch' },
  },
  docs: {
    brief: 'Show what is live, whether it is healthy, and what happened last',
    fullDescription: description('Live and previous release, health, the attempt at work, the queue and the last attempts.', [
      ['greenroom status', 'of the app of this folder'],
      ['greenroom status --app shop --watch', 'kept up to date'],
      ['greenroom status --json | jq .live_commit', 'for scripts'],
    ]),
  },
});

/** Prints the status whenever it reads differently. Ends at Ctrl-C; a restart of the orchestrator is sat out. */
async function watch(cli: Cli, target: Target, client: GreenroomClient, asJson: boolean): Promise<Exit> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once('SIGINT', stop);
  let shown = '';
  while (!abort.signal.aborted) {
    const text = await look(cli, target, client, asJson);
    if (text !== shown) cli.say(!asJson && cli.stdout.isTTY ? CLEAR_SCREEN + text : text);
    shown = text;
    await sleep(WATCH_INTERVAL_MS, undefined, { signal: abort.signal }).catch(() => undefined);
  }
  process.removeListener('SIGINT', stop);
  return EXIT.ok;
}

async function look(cli: Cli, target: Target, client: GreenroomClient, asJson: boolean): Promise<string> {
  try {
    const now: Status = await client.status();
    return asJson ? json(now) : await shownFor(cli, target, now);
  } catch (error) {
    if (!(error instanceof GreenroomUnreachable)) throw error;
    return asJson ? json({ success: false, code: 'unreachable', error: error.message }) : error.message;
  }
}

async function shownFor(cli: Cli, { layout }: Target, now: Status): Promise<string> {
  return statusLines(now, cli.paint, Date.now(), await runningOrchestrator(layout)).join('\n');
}

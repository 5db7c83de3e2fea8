import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOAD_INTERVAL_MS } from '@greenroom/sdk/dashboard';
import { buildCommand } from '@stricli/core';
import { createFleet, type Fleet } from '../../dashboard/fleet.ts';
import { action, type Cli, EXIT } from '../context.ts';
import { registeredApps } from '../dashboard/registered.ts';
import { description } from '../flags.ts';
import { json } from '../terminal.ts';
import { showLive } from '../top/live.ts';
import { appJson, appRows, headline, type Machine } from '../top/rows.ts';

/** Rates need two samples; who asks once does not want to wait for them long. */
const ONCE_INTERVAL_MS = 400;

interface TopFlags {
  readonly once: boolean;
  readonly json: boolean;
}

export const top = buildCommand<TopFlags, [], Cli>({
  func: action(async (cli: Cli, flags: TopFlags) => {
    const inPlace = !flags.json && cli.stdout.isTTY === true && cli.env['TERM'] !== 'dumb';
    const once = flags.once || !(flags.json || inPlace);
    const fleet = createFleet({
      registered: registeredApps(cli.home),
      log: () => undefined,
      loadIntervalMs: once ? ONCE_INTERVAL_MS : LOAD_INTERVAL_MS,
    });
    const machine = (): Machine => ({ host: hostname(), apps: fleet.apps(), loads: fleet.latestLoads() });
    fleet.watch();
    try {
      await fleet.ready();
      if (once) await twoSamples(fleet);
      if (once && flags.json) cli.say(machineJson(machine(), 2));
      else if (once) print(cli, machine());
      else if (flags.json) await printForEver(cli, machine);
      else await showLive(cli, fleet, machine);
    } finally {
      await fleet.close();
    }
    return EXIT.ok;
  }),
  parameters: {
    flags: {
      once: { kind: 'boolean', default: false, withNegated: false, brief: 'Print it once; so it is too when the output is no terminal' },
      json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print JSON instead of text, a line every two seconds' },
    },
  },
  docs: {
    brief: 'Show how busy each app of this machine is',
    fullDescription: description(
      'All apps in place: the live release, what is being done, requests and errors per second, the slowest percent, memory and CPU of the live instance; below, more of the one that the arrows choose. `q` quits.',
      [
        ['greenroom top', 'until q'],
        ['greenroom top --once', 'for a look'],
        ['greenroom top --once --json | jq ".apps[].load"', 'for scripts'],
      ],
    ),
  },
});

function print(cli: Cli, machine: Machine): void {
  const columns = cli.stdout.isTTY ? cli.stdout.columns : Number.POSITIVE_INFINITY;
  cli.say(headline(machine, columns));
  if (machine.apps.length > 0) for (const line of appRows(machine, '', cli.paint, columns)) cli.say(line.trimEnd());
}

async function printForEver(cli: Cli, machine: () => Machine): Promise<void> {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => abort.abort());
  while (!abort.signal.aborted) {
    cli.say(machineJson(machine()));
    await sleep(LOAD_INTERVAL_MS, undefined, { signal: abort.signal }).catch(() => undefined);
  }
}

function machineJson({ host, apps, loads }: Machine, indent?: number): string {
  return json({ time: new Date().toISOString(), host, apps: apps.map((app) => appJson(app, loads)) }, indent);
}

/** Until each app that answers has rates, or there has been time for that. */
async function twoSamples(fleet: Fleet): Promise<void> {
  const seen = new Map<string, Set<number>>();
  const deadline = performance.now() + 4 * ONCE_INTERVAL_MS;
  for (;;) {
    const version = fleet.changes.version();
    for (const { app, at } of fleet.latestLoads()) seen.set(app, (seen.get(app) ?? new Set()).add(at));
    const waiting = fleet.apps().some((app) => app.reach === 'up' && app.status?.live_commit && (seen.get(app.name)?.size ?? 0) < 2);
    const left = deadline - performance.now();
    if (!waiting || left <= 0) return;
    await fleet.changes.after(version, left);
  }
}

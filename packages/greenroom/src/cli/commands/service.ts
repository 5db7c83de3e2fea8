import { isAbsolute, normalize } from 'node:path';
import { buildCommand, buildRouteMap } from '@stricli/core';
import { action, type Cli } from '../context.ts';
import { appFlags, description, wholeNumber } from '../flags.ts';
import type { InstallFlags } from '../service/install.ts';
import { ready as serviceReady } from '../service/ready.ts';
import type { RemoveFlags } from '../service/remove.ts';
import { type StatusFlags, status as serviceStatus } from '../service/status.ts';

const placeFlags = {
  user: { kind: 'boolean', default: false, withNegated: false, brief: "Services of this user's own (the default, but for root)" },
  system: { kind: 'boolean', default: false, withNegated: false, brief: "Services of the machine, run as the owner of Greenroom's home" },
} as const;

const install = buildCommand<InstallFlags, [], Cli>({
  func: action(async (cli: Cli, flags: InstallFlags) => await (await import('../service/install.ts')).install(cli, flags)),
  parameters: {
    flags: {
      ...placeFlags,
      dashboard: { kind: 'boolean', default: false, withNegated: false, brief: "The machine's dashboard too, and from now on" },
      print: { kind: 'boolean', default: false, withNegated: false, brief: 'Show what would be written, and do nothing' },
      force: { kind: 'boolean', default: false, withNegated: false, brief: 'Replace units that somebody has changed' },
      memoryMax: {
        kind: 'parsed',
        parse: memory,
        optional: true,
        brief: 'Most memory for app, orchestrator and agents together, such as 2G',
        placeholder: 'SIZE',
      },
      writable: {
        kind: 'parsed',
        parse: absolute,
        variadic: true,
        optional: true,
        brief: 'Another folder that the app writes to; can be given more than once',
        placeholder: 'DIR',
      },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Have systemd run an app: at boot, again after a crash, confined',
    fullDescription: description(
      [
        'Writes, enables and starts one unit for the orchestrator of the app, two for the proxy of the machine and its public ports, and one for the',
        'chat when the app has one. What runs already is taken over without interruption. Repeatable, and to be repeated when ports change; a unit',
        'that somebody has changed is never overwritten.',
        'Tokens go into an environment file of mode 0600, which is named when it is made.',
      ].join('\n'),
      [
        ['greenroom service install --print', 'what would be written for the app of this folder'],
        ['greenroom service install --app shop --memory-max 2G', 'with a limit'],
        ['greenroom service install --app shop --dashboard', 'with the dashboard; "greenroom dashboard" prints a link'],
        ['greenroom service install --app shop --writable /srv/uploads', 'the app keeps files elsewhere, too'],
      ],
    ),
  },
});

const remove = buildCommand<RemoveFlags, [], Cli>({
  func: action(async (cli: Cli, flags: RemoveFlags) => await (await import('../service/remove.ts')).remove(cli, flags)),
  parameters: {
    flags: {
      ...placeFlags,
      dashboard: { kind: 'boolean', default: false, withNegated: false, brief: "The machine's dashboard, instead of an app" },
      force: { kind: 'boolean', default: false, withNegated: false, brief: 'Units that somebody has changed, too' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Stop an app and take back what install wrote',
    fullDescription: description(
      'Requests in flight are finished first. The data directory stays, and so does whatever somebody has written into; proxy and dashboard go with the last app.',
      [
        ['greenroom service remove --app shop', 'from now on it is started by hand'],
        ['greenroom service remove --dashboard', 'the dashboard alone'],
      ],
    ),
  },
});

const status = buildCommand<StatusFlags, [], Cli>({
  func: action(async (cli: Cli, flags: StatusFlags) => await serviceStatus(cli, flags)),
  parameters: {
    flags: {
      ...placeFlags,
      app: appFlags.app,
      lines: { kind: 'parsed', parse: wholeNumber(0, 1_000), default: '3', brief: 'Last lines of the log of each', placeholder: 'N' },
      json: appFlags.json,
    },
  },
  docs: {
    brief: 'Show the services, their state and what they said last',
    fullDescription: description('Exit code 1 when one of them does not run. Of how the apps are, "greenroom apps" knows more.', [
      ['greenroom service status', 'all of them'],
      ['greenroom service status --app shop --lines 20', 'one app and the proxy'],
    ]),
  },
});

const ready = buildCommand({
  func: action(serviceReady),
  parameters: { flags: appFlags },
  docs: { brief: 'Wait until the orchestrator that systemd has started is ready' },
});

export const service = buildRouteMap<'install' | 'remove' | 'status' | 'ready', Cli>({
  routes: { install, remove, status, ready },
  docs: { brief: 'Have systemd run apps, proxy, chat and dashboard', hideRoute: { ready: true } },
});

function memory(input: string): string {
  if (/^[1-9]\d*[KMGT]?$/.test(input) || /^[1-9]\d?%$/.test(input)) return input;
  throw new SyntaxError('it must be a size such as 512M or 2G, or a part of the memory such as 50%');
}

function absolute(input: string): string {
  if (isAbsolute(input) && !input.includes('\n')) return normalize(input);
  throw new SyntaxError('it must be an absolute path');
}

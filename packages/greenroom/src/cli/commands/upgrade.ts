import { buildCommand } from '@stricli/core';
import { layoutOf } from '../../orchestrator/layout.ts';
import { requireAllAlone, STARTS_AT_ONCE, withAll } from '../apps/all.ts';
import { type Upgraded, upgradeApp } from '../apps/upgrade-app.ts';
import { upgradeProxy } from '../apps/upgrade-proxy.ts';
import { action, type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { duration } from '../format.ts';
import { findTarget } from '../target.ts';
import { json } from '../terminal.ts';

interface UpgradeFlags extends AppFlags {
  readonly all: boolean;
  readonly now: boolean;
  readonly proxy: boolean;
}

export const upgrade = buildCommand<UpgradeFlags, [], Cli>({
  func: action(async (cli: Cli, flags: UpgradeFlags) => {
    if (flags.proxy) return await proxyAlone(cli, flags);
    if (!flags.all) return await upgradeOne(cli, flags);
    requireAllAlone({ ...flags }, ['app', 'data']);
    return await upgradeAll(cli, flags);
  }),
  parameters: {
    flags: {
      all: { kind: 'boolean', default: false, withNegated: false, brief: 'Every app of this machine whose orchestrator runs' },
      proxy: { kind: 'boolean', default: false, withNegated: false, brief: "The machine's proxy, instead of an orchestrator" },
      now: { kind: 'boolean', default: false, withNegated: false, brief: 'End a deploy that is under way, instead of waiting for it' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Put the orchestrator of this version in the place of the one that runs',
    fullDescription: description(
      [
        'The app serves on, and an agent that is at work goes on; the orchestrator does not answer for about a second. Afterwards it runs in the background, and',
        'its log is orchestrator.log in the data directory. When the new one does not start, the old one is started again, and this fails.',
      ].join('\n'),
      [
        ['greenroom upgrade', 'the app of this folder'],
        ['greenroom upgrade --all', 'every app of this machine'],
        ['greenroom upgrade --proxy', 'the proxy of this machine: no connection is lost or cut'],
      ],
    ),
  },
});

async function upgradeOne(cli: Cli, flags: UpgradeFlags): Promise<Exit> {
  const target = await findTarget(cli, flags);
  const { name } = target.app;
  const tell = (sentence: string): void => {
    if (!flags.json) cli.say(sentence);
  };
  const upgraded = await upgradeApp(target, { now: flags.now, tell });
  if (!upgraded.was_running)
    throw new CliError(EXIT.failed, 'not_running', `The orchestrator of "${name}" is not running. Start it: greenroom start --app ${name}`);
  if (flags.json) cli.say(json({ success: true, app: name, ...upgraded }));
  else cli.say(`${cli.paint('green', '✓')} ${says(upgraded)}; its log: ${layoutOf(target.app.data).orchestratorLog}`);
  return EXIT.ok;
}

async function upgradeAll(cli: Cli, flags: UpgradeFlags): Promise<Exit> {
  const done = new Map<string, Upgraded>();
  return await withAll(
    cli,
    flags,
    STARTS_AT_ONCE,
    async (app) => {
      const upgraded = await upgradeApp({ app, layout: layoutOf(app.data) }, { now: flags.now });
      done.set(app.name, upgraded);
      return { app: app.name, ok: true, was_running: upgraded.was_running, duration_ms: upgraded.away_ms, error: '' };
    },
    ({ app }) => says(done.get(app)),
  );
}

async function proxyAlone(cli: Cli, flags: UpgradeFlags): Promise<Exit> {
  const other = flags.all || flags.app !== undefined || flags.data !== undefined;
  if (other) throw new CliError(EXIT.usage, 'usage', '--proxy is for the proxy that all apps share: give it alone.');
  const { from, to, pid } = await upgradeProxy(cli.home);
  if (flags.json) cli.say(json({ success: true, from, to, pid }));
  else
    cli.say(`${cli.paint('green', '✓')} proxy ${from} was replaced by ${to} (process ${pid}); the old one ends with what it has in flight`);
  return EXIT.ok;
}

function says(upgraded: Upgraded | undefined): string {
  if (!upgraded?.was_running) return 'is not running';
  const { from, to, away_ms } = upgraded;
  const versions = from === to ? `${to} was started anew` : `${from || 'an unknown version'} was replaced by ${to}`;
  return `${versions}; the orchestrator was away for ${duration(away_ms)}`;
}

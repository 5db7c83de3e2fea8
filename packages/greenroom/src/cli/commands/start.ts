import { realpath } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { buildCommand } from '@stricli/core';
import { appDirectory } from '../../home.ts';
import { layoutOf } from '../../orchestrator/layout.ts';
import { APP_NAME, APP_NAME_RULE, exists, listApps, type RegisteredApp } from '../../registry/index.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { requireAllAlone, startAll } from '../apps/all.ts';
import { freeApiPort, freeName, slug } from '../choose.ts';
import { action, type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { type AppFlags, appFlags, description, port, text } from '../flags.ts';
import { findTarget } from '../target.ts';

interface StartFlags extends AppFlags {
  readonly contract?: string;
  readonly repo?: string;
  readonly port?: number;
  readonly all: boolean;
  readonly detachApp: boolean;
}

export const start = buildCommand<StartFlags, [], Cli>({
  func: action(async (cli: Cli, flags: StartFlags) => {
    if (flags.all) {
      requireAllAlone({ ...flags }, ['app', 'data', 'contract', 'repo', 'port']);
      return await startAll(cli, flags);
    }
    const app = await appToStart(cli, flags);
    await mustExist(app.contract, `The contract ${app.contract} does not exist. "greenroom init" writes one.`);
    if (!isUrl(app.repo)) await mustExist(app.repo, `The repository ${app.repo} does not exist.`);
    const running = await runningOrchestrator(layoutOf(app.data));
    if (running) {
      const message = `"${app.name}" is running already (process ${running.pid}${running.api_port === 0 ? '' : `, API port ${running.api_port}`}). See: greenroom status --app ${app.name}`;
      throw new CliError(EXIT.failed, 'already_running', message);
    }
    const { startOrchestrator } = await import('../../main.ts');
    const code = await startOrchestrator({
      app: app.name,
      contractFile: app.contract,
      repo: app.repo,
      data: app.data,
      home: cli.home,
      apiPort: app.api_port,
      json: flags.json,
      detachAppOnStop: flags.detachApp,
    });
    return code as Exit;
  }),
  parameters: {
    flags: {
      contract: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Contract file (default: app.contract.json in the data directory)',
        placeholder: 'FILE',
      },
      repo: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Git repository to deploy from: a folder or a URL',
        placeholder: 'DIR|URL',
      },
      port: {
        kind: 'parsed',
        parse: port,
        optional: true,
        brief: 'Port of the API on 127.0.0.1 (default: 9100, or the next free one)',
        placeholder: 'N',
      },
      all: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'Every app of this machine that is not running, in the background',
      },
      detachApp: { kind: 'boolean', default: false, withNegated: false, brief: 'Leave the app running when this is stopped' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Run the orchestrator of an app in the foreground, or those of all apps in the background',
    fullDescription: description(
      [
        'Without flags, of the app that "greenroom init" registered for this folder. Ctrl-C or SIGTERM stops the app as well, after a drain.',
        'With --all, waits until each is ready or has said why not; what they say goes to orchestrator.log in the data directory of each.',
      ].join('\n'),
      [
        ['greenroom start', 'the app of this folder'],
        ['greenroom start --all', 'every app, for example after a restart of the machine'],
        ['greenroom start --contract app.contract.json --repo . --data /srv/shop --port 9100', 'everything said'],
      ],
    ),
  },
});

/** What was registered, changed by the flags; or all of it from the flags, when they say enough. */
async function appToStart(cli: Cli, flags: StartFlags): Promise<RegisteredApp> {
  const repo = flags.repo === undefined ? undefined : await repository(cli, flags.repo);
  const known = await registered(cli, flags, repo);
  if (!known && (repo === undefined || (flags.data === undefined && flags.app === undefined))) {
    if (repo === undefined) return (await findTarget(cli, flags)).app;
    throw new CliError(
      EXIT.usage,
      'usage',
      'A new app needs --app NAME or --data DIR beside --repo; or run "greenroom init" in its folder first.',
    );
  }
  const name = known?.name ?? (await newName(cli, flags));
  const data = known?.data ?? (flags.data === undefined ? appDirectory(cli.home, name) : resolve(cli.cwd, flags.data));
  return {
    name,
    data,
    repo: repo ?? known?.repo ?? '',
    contract: flags.contract === undefined ? (known?.contract ?? layoutOf(data).contract) : resolve(cli.cwd, flags.contract),
    api_port: flags.port ?? (known?.api_port || (await freeApiPort(cli.home))),
  };
}

async function registered(cli: Cli, flags: StartFlags, repo: string | undefined): Promise<RegisteredApp | undefined> {
  const { apps } = await listApps(cli.home);
  if (flags.data !== undefined) {
    const data = resolve(cli.cwd, flags.data);
    const known = apps.find((app) => app.data === data);
    return known && (flags.app === undefined || flags.app === known.name) ? known : undefined;
  }
  if (flags.app !== undefined) return apps.find((app) => app.name === flags.app);
  return repo === undefined ? (await findTarget(cli, flags)).app : undefined;
}

async function newName(cli: Cli, flags: StartFlags): Promise<string> {
  const data = flags.data === undefined ? undefined : resolve(cli.cwd, flags.data);
  if (flags.app === undefined) return await freeName(cli.home, slug(basename(data ?? cli.cwd)), data ?? '');
  if (!APP_NAME.test(flags.app))
    throw new CliError(EXIT.usage, 'usage', `--app: "${flags.app}" is not a name for an app; ${APP_NAME_RULE}.`);
  const taken = (await listApps(cli.home)).apps.find((app) => app.name === flags.app && app.data !== data);
  if (taken && (await exists(taken.data))) {
    throw new CliError(
      EXIT.usage,
      'usage',
      `--app: "${flags.app}" is the name of the app whose data is in ${taken.data}. Choose another name.`,
    );
  }
  return flags.app;
}

async function repository(cli: Cli, repo: string): Promise<string> {
  if (isUrl(repo)) return repo;
  const path = resolve(cli.cwd, repo);
  await mustExist(path, `--repo: there is no folder ${path}.`);
  return await realpath(path);
}

/** `https://…`, `ssh://…`, and `user@host:path` as git takes it. */
function isUrl(repo: string): boolean {
  return repo.includes('://') || /^[^/]+@[^/]+:/.test(repo);
}

async function mustExist(path: string, message: string): Promise<void> {
  if (!(await exists(path))) throw new CliError(EXIT.usage, 'usage', message);
}

import { buildCommand, buildRouteMap } from '@stricli/core';
import { layoutOf } from '../../orchestrator/layout.ts';
import { forgetApp, listApps } from '../../registry/index.ts';
import { observeApps } from '../../registry/observe.ts';
import { runningOrchestrator } from '../../registry/running.ts';
import { appLines } from '../app-rows.ts';
import { action, type Cli, CliError, EXIT } from '../context.ts';
import { appFlags, description, proposeApps, text } from '../flags.ts';
import { json, plain } from '../terminal.ts';

interface JsonFlags {
  readonly json: boolean;
}

const list = buildCommand<JsonFlags, [], Cli>({
  func: action(async (cli: Cli, flags: JsonFlags) => {
    const { apps, broken } = await observeApps(cli.home);
    if (flags.json) {
      cli.say(json({ apps: apps.map(({ app: { last: _last, ...app }, status: _status, ...view }) => ({ ...app, ...view })), broken }, 2));
      return EXIT.ok;
    }
    if (apps.length === 0) cli.say('No app is registered on this machine: run "greenroom init" in the folder of one.');
    else for (const line of appLines(apps, cli.paint, Date.now())) cli.say(line);
    for (const { file, problem } of broken) cli.warn(`${cli.paintError('yellow', '!')} Skipped ${plain(file)}: ${problem}.`);
    return EXIT.ok;
  }),
  parameters: { flags: { json: appFlags.json } },
  docs: {
    brief: 'Show every app of this machine and how it is',
    fullDescription: description(
      [
        'Each orchestrator is asked; of one that does not answer, the last known state is shown.',
        '',
        'States: live, unhealthy (a release should serve and does not), idle (nothing is deployed yet), starting,',
        'stopped, detached (stopped, the app left running), crashed (the orchestrator ended without a word; the app',
        'may serve on), stale (its data is gone: "greenroom apps forget NAME").',
      ].join('\n'),
      [
        ['greenroom apps', 'all of them'],
        ['greenroom apps --json | jq -r \'.apps[] | select(.state != "live") | .name\'', 'those to look at'],
      ],
    ),
  },
});

const forget = buildCommand<JsonFlags, [name: string], Cli>({
  func: action(async (cli: Cli, flags: JsonFlags, name: string) => {
    const app = (await listApps(cli.home)).apps.find((candidate) => candidate.name === name);
    const running = app && (await runningOrchestrator(layoutOf(app.data)));
    if (running) {
      const message = `"${name}" is running (process ${running.pid}). Stop it first: greenroom stop --app ${name}`;
      throw new CliError(EXIT.failed, 'still_running', message);
    }
    if (!(await forgetApp(cli.home, name)))
      throw new CliError(EXIT.appNotFound, 'app_not_found', `There is no app "${name}" on this machine. See: greenroom apps`);
    if (flags.json) cli.say(json({ success: true, app: name, data: app?.data ?? '' }));
    else cli.say(`${cli.paint('green', '✓')} "${name}" is forgotten${app ? `; its data stays in ${plain(app.data)}` : ''}.`);
    return EXIT.ok;
  }),
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, brief: 'Name of the app', placeholder: 'NAME', proposeCompletions: proposeApps }],
    },
    flags: { json: appFlags.json },
  },
  docs: {
    brief: 'Take an app off the list of this machine',
    fullDescription: description('Deletes nothing of the app: its data directory stays, and "greenroom start --data DIR" brings it back.', [
      ['greenroom apps forget shop', 'an app that is not running'],
    ]),
  },
});

export const apps = buildRouteMap<'list' | 'forget', Cli>({
  routes: { list, forget },
  defaultCommand: 'list',
  docs: { brief: 'Show the apps of this machine, or forget one' },
});

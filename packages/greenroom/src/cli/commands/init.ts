import { mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { buildCommand } from '@stricli/core';
import { appDirectory } from '../../home.ts';
import { writeDurably } from '../../orchestrator/adapters/durable.ts';
import { layoutOf } from '../../orchestrator/layout.ts';
import { APP_NAME, APP_NAME_RULE, choosing, exists, listApps, type RegisteredApp, registerApp } from '../../registry/index.ts';
import { freeApiPort, freeName, slug, takenPorts } from '../choose.ts';
import { action, type Cli, CliError, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description, port, text } from '../flags.ts';
import { git } from '../git.ts';
import { json, plain } from '../terminal.ts';

interface InitFlags extends AppFlags {
  readonly contract?: string;
  readonly port?: number;
  readonly startCommand?: string;
  readonly healthEndpoint?: string;
  readonly force: boolean;
}

export const init = buildCommand<InitFlags, [folder?: string], Cli>({
  func: action(async (cli: Cli, flags: InitFlags, folder?: string) => {
    const directory = await appFolder(cli, folder);
    const todo = await gitTodo(directory);
    const { app, written } = await choosing(cli.home, async () => {
      const chosen = await appToRegister(cli, flags, directory);
      const contract = await writeContract(cli, chosen.contract, directory, flags);
      await registerApp(cli.home, chosen);
      return { app: chosen, written: contract };
    });
    const next = [...todo, ...(written.kept === '' ? [] : [`edit ${app.contract}`]), `greenroom start --app ${app.name}`];
    if (flags.json) {
      cli.say(
        json(
          {
            success: true,
            ...app,
            contract_written: written.written,
            unknowns: written.unknowns,
            explanations: written.explanations,
            next,
          },
          2,
        ),
      );
      return EXIT.ok;
    }
    const done = cli.paint('green', '✓');
    cli.say(`${done} registered "${app.name}": repository ${app.repo}, data in ${app.data}`);
    cli.say(
      written.written
        ? `${done} wrote ${app.contract}`
        : `${cli.paint('dim', '–')} kept ${app.contract}, which was there already (--force writes a new one)`,
    );
    for (const line of written.explanations) cli.say(`  ${plain(line)}`);
    if (written.unknowns.length > 0) {
      cli.say();
      cli.say('What could not be known; look at it before the first start:');
      for (const line of written.unknowns) cli.say(`  ${cli.paint('yellow', '?')} ${plain(line)}`);
    }
    if (written.kept !== '') cli.warn(`${cli.paintError('yellow', '!')} ${written.kept}`);
    cli.say();
    cli.say('Next:');
    for (const line of next) cli.say(`  ${line}`);
    return EXIT.ok;
  }),
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, optional: true, brief: "The app's folder (default: this one)", placeholder: 'DIR' }],
    },
    flags: {
      contract: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Where the contract is or goes (default: in the data directory)',
        placeholder: 'FILE',
      },
      port: {
        kind: 'parsed',
        parse: port,
        optional: true,
        brief: "The app's public port (default: a free one from 3000 on)",
        placeholder: 'N',
      },
      startCommand: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Command that starts the app, instead of the one found',
        placeholder: 'COMMAND',
      },
      healthEndpoint: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Path that answers 200 when the app is ready',
        placeholder: 'PATH',
      },
      force: { kind: 'boolean', default: false, withNegated: false, brief: 'Write a new contract over the one that is there' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Look at an app, write its contract and register it on this machine',
    fullDescription: description('Runs nothing of the app and changes nothing in its folder. Says what it could not find out.', [
      ['greenroom init', 'the app in this folder'],
      ['greenroom init ../shop --app shop --port 8080', 'another folder, name and port'],
      ['greenroom init --start-command "node server.js" --health-endpoint /healthz', 'what it cannot find'],
    ]),
  },
});

async function appFolder(cli: Cli, folder: string | undefined): Promise<string> {
  const path = resolve(cli.cwd, folder ?? '.');
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error.code);
  if (typeof found === 'object' && found.isDirectory()) return await realpath(path);
  throw new CliError(EXIT.usage, 'usage', `There is no folder ${path}.`);
}

/** Commands that make the folder deployable; none when it has a commit. Throws when it is only a part of a repository. */
async function gitTodo(directory: string): Promise<string[]> {
  const commit = 'git add -A && git commit -m "First version"';
  const top = await git(['-C', directory, 'rev-parse', '--show-toplevel']);
  if (!top.ok)
    return [`cd ${quoted(directory)} && git init -b main && ${commit}    # Greenroom deploys commits, and this is no git repository yet`];
  if ((await realpath(top.text)) !== directory) {
    const message = `${directory} is a part of the repository ${top.text}, and Greenroom deploys whole repositories. Run: greenroom init ${quoted(top.text)}`;
    throw new CliError(EXIT.failed, 'not_the_top', message);
  }
  const head = await git(['-C', directory, 'rev-parse', '--verify', '--quiet', 'HEAD']);
  return head.ok ? [] : [`cd ${quoted(directory)} && ${commit}    # Greenroom deploys commits, and there is none yet`];
}

async function appToRegister(cli: Cli, flags: InitFlags, directory: string): Promise<RegisteredApp> {
  if (flags.app !== undefined && !APP_NAME.test(flags.app)) {
    throw new CliError(EXIT.usage, 'usage', `--app: "${flags.app}" is not a name for an app; ${APP_NAME_RULE}.`);
  }
  const { apps } = await listApps(cli.home);
  const known = apps.find((app) => app.repo === directory && (flags.app === undefined || app.name === flags.app));
  const taken = apps.find((app) => app.name === flags.app && app !== known);
  if (taken)
    throw new CliError(
      EXIT.usage,
      'usage',
      `--app: "${taken.name}" is registered already, for ${taken.repo || taken.data}. Choose another name.`,
    );
  const name = known?.name ?? flags.app ?? (await freeName(cli.home, slug(basename(directory)), ''));
  const data = flags.data === undefined ? (known?.data ?? appDirectory(cli.home, name)) : resolve(cli.cwd, flags.data);
  const contract = flags.contract === undefined ? (known?.contract ?? layoutOf(data).contract) : resolve(cli.cwd, flags.contract);
  return { name, data, repo: directory, contract, api_port: known?.api_port ?? (await freeApiPort(cli.home)) };
}

interface WrittenContract {
  written: boolean;
  /** What is wrong with a contract that was kept. */
  kept: string;
  unknowns: string[];
  explanations: string[];
}

async function writeContract(cli: Cli, file: string, directory: string, flags: InitFlags): Promise<WrittenContract> {
  if ((await exists(file)) && !flags.force) {
    const { readContract } = await import('../../orchestrator/adapters/contract-file.ts');
    const read = await readContract(file);
    return { written: false, kept: read.ok ? '' : read.sentences.join('\n'), unknowns: [], explanations: [] };
  }
  const { CONTRACT_SCHEMA_FILE, contractSchemaText } = await import('../../orchestrator/core/contract-schema.ts');
  const { detectApp, initialContract } = await import('../../init/index.ts');
  const { contract, unknowns, explanations } = initialContract(await detectApp(directory, { takenPorts: await takenPorts(cli.home) }), {
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.startCommand === undefined ? {} : { startCommand: flags.startCommand }),
    ...(flags.healthEndpoint === undefined ? {} : { healthEndpoint: flags.healthEndpoint }),
  });
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeDurably(join(dirname(file), CONTRACT_SCHEMA_FILE), contractSchemaText());
  await writeDurably(file, `${JSON.stringify(contract, null, 2)}\n`);
  return { written: true, kept: '', unknowns, explanations };
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

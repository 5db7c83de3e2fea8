import { randomBytes } from 'node:crypto';
import { DEFAULT_DASHBOARD_PORT } from '@greenroom/sdk/dashboard';
import { buildCommand } from '@stricli/core';
import { createLinkToken, LINK_MINUTES } from '../../dashboard/sessions.ts';
import { writesToJournald } from '../../journald.ts';
import { openAssets } from '../../ui-files.ts';
import { action, type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { openInBrowser } from '../dashboard/browser.ts';
import { registeredApps } from '../dashboard/registered.ts';
import { type DashboardRun, readRun, removeRun, writeRun } from '../dashboard/run-file.ts';
import { description, wholeNumber } from '../flags.ts';
import { json } from '../terminal.ts';

interface DashboardFlags {
  readonly port?: number;
  readonly open: boolean;
  readonly json: boolean;
}

export const dashboard = buildCommand<DashboardFlags, [], Cli>({
  func: action(async (cli: Cli, flags: DashboardFlags) => {
    const running = await readRun(cli.home);
    if (running && flags.port !== undefined && flags.port !== running.port)
      throw new CliError(
        EXIT.failed,
        'already_running',
        `The dashboard of this machine runs on port ${running.port} already (process ${running.pid}): stop that one first.`,
      );
    if (running) return await tellLink(cli, flags, running, false);
    return await serve(cli, flags);
  }),
  parameters: {
    flags: {
      port: {
        kind: 'parsed',
        parse: wholeNumber(0, 65_535),
        optional: true,
        brief: `Port on 127.0.0.1 (default: ${DEFAULT_DASHBOARD_PORT}; 0: any)`,
        placeholder: 'N',
      },
      open: { kind: 'boolean', default: false, withNegated: false, brief: 'Open it in the browser too' },
      json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print JSON instead of text' },
    },
  },
  docs: {
    brief: 'Serve one page for all apps of this machine',
    fullDescription: description(
      `All apps at a glance, each attempt step by step, history, logs and load; deploy, roll back, approve and freeze from there. For the operator alone: it listens on 127.0.0.1, and prints a link that lets one browser in, once, within ${LINK_MINUTES} minutes. While it runs, the same command prints another link. Ctrl-C or SIGTERM stops it.`,
      [
        ['greenroom dashboard', 'serve it, and print a link'],
        ['greenroom dashboard --open', 'and open it'],
        ['ssh -L 9180:127.0.0.1:9180 server', "reach a server's dashboard from here"],
      ],
    ),
  },
});

/** Until it is told to stop. */
async function serve(cli: Cli, flags: DashboardFlags): Promise<Exit> {
  const stop = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.resolve());
  const secret = randomBytes(32).toString('base64url');
  const log = (message: string): void =>
    cli.warn(writesToJournald(2, cli.env) ? message : `${new Date().toISOString().slice(11, 19)} ${message}`);
  const { CannotListenError, serveDashboard } = await import('../../dashboard/serve.ts');
  const service = await serveDashboard({
    port: flags.port ?? DEFAULT_DASHBOARD_PORT,
    secret,
    assets: openAssets('dashboard'),
    registered: registeredApps(cli.home),
    log,
  }).catch((error: unknown) => {
    if (error instanceof CannotListenError) throw new CliError(EXIT.failed, 'cannot_listen', error.message);
    throw error;
  });
  try {
    await writeRun(cli.home, { port: service.port, secret });
    // A journal keeps what is said, for others to read: a link is for the terminal of whoever asks.
    if (writesToJournald(1, cli.env)) cli.say(`The dashboard is ready on port ${service.port}. "greenroom dashboard" prints a link.`);
    else await tellLink(cli, flags, { port: service.port, secret }, true);
    await stop.promise;
    return EXIT.ok;
  } finally {
    await removeRun(cli.home);
    await service.close();
  }
}

async function tellLink(
  cli: Cli,
  flags: DashboardFlags,
  { port, secret }: Pick<DashboardRun, 'port' | 'secret'>,
  isNew: boolean,
): Promise<Exit> {
  // Behind the hash: that part of an address is sent to nobody, and logged nowhere.
  const url = `http://127.0.0.1:${port}/#token=${createLinkToken(secret)}`;
  const opened = flags.open && (await openInBrowser(url, cli.env));
  if (flags.json) cli.say(json({ url, port, opened }));
  else {
    cli.say(
      isNew
        ? `The dashboard is ready on port ${port}. Open it within ${LINK_MINUTES} minutes:`
        : `The dashboard runs on port ${port}. Another link, for ${LINK_MINUTES} minutes:`,
    );
    cli.say(`  ${url}`);
    if (flags.open && !opened) cli.warn('No browser could be opened here: open the link yourself.');
  }
  return EXIT.ok;
}

import {
  type Application,
  ArgumentScannerError,
  buildApplication,
  buildRouteMap,
  formatMessageForArgumentScannerError,
  text_en,
} from '@stricli/core';
import { VERSION } from '../version.ts';
import { agent } from './commands/agent.ts';
import { agentRun } from './commands/agent-run.ts';
import { alert } from './commands/alert.ts';
import { approve } from './commands/approve.ts';
import { apps } from './commands/apps.ts';
import { chat } from './commands/chat.ts';
import { completion } from './commands/completion.ts';
import { conversations } from './commands/conversations.ts';
import { dashboard } from './commands/dashboard.ts';
import { demoAgent } from './commands/demo-agent.ts';
import { deny } from './commands/deny.ts';
import { deploy } from './commands/deploy.ts';
import { doctor } from './commands/doctor.ts';
import { freeze } from './commands/freeze.ts';
import { init } from './commands/init.ts';
import { isolate } from './commands/isolate.ts';
import { log } from './commands/log.ts';
import { logs } from './commands/logs.ts';
import { override } from './commands/override.ts';
import { pr } from './commands/pr.ts';
import { reconcile } from './commands/reconcile.ts';
import { restart } from './commands/restart.ts';
import { rollback } from './commands/rollback.ts';
import { schema } from './commands/schema.ts';
import { service } from './commands/service.ts';
import { start } from './commands/start.ts';
import { status } from './commands/status.ts';
import { stop } from './commands/stop.ts';
import { thaw } from './commands/thaw.ts';
import { top } from './commands/top.ts';
import { upgrade } from './commands/upgrade.ts';
import type { Cli } from './context.ts';
import { description } from './flags.ts';
import { plain, plainLines } from './terminal.ts';

/** The command with everything it can do. */
export function buildCli(): Application<Cli> {
  const root = buildRouteMap<string, Cli>({
    routes: {
      init,
      start,
      stop,
      upgrade,
      deploy,
      rollback,
      restart,
      status,
      log,
      logs,
      apps,
      freeze,
      thaw,
      override,
      approve,
      deny,
      reconcile,
      pr,
      doctor,
      isolate,
      agent,
      conversations,
      alert,
      chat,
      dashboard,
      top,
      service,
      schema,
      completion,
      demoAgent,
      agentRun,
    },
    docs: {
      hideRoute: { demoAgent: true, agentRun: true },
      brief: 'Deploys, rolls back and observes web apps on this machine, with zero downtime',
      fullDescription: description(
        [
          'Deploys, rolls back and observes web apps on this machine, with zero downtime.',
          '',
          'Exit codes: 0 done, 1 refused or failed (the live release is untouched), 2 wrong usage,',
          '3 orchestrator not reachable, 4 app not found.',
        ].join('\n'),
        [
          ['greenroom init', 'look at the app in this folder and write its contract'],
          ['greenroom start', 'run it'],
          ['greenroom deploy', 'put the head of the main branch live'],
          ['greenroom rollback', 'go back'],
        ],
      ),
    },
  });
  return buildApplication<Cli>(root, {
    name: 'greenroom',
    versionInfo: { currentVersion: VERSION },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { caseStyle: 'convert-camel-to-kebab', useAliasInUsageLine: false },
    localization: { text: { ...text_en, exceptionWhileParsingArguments, noCommandRegisteredForInput } },
  });
}

/** A usage error names what was wrong, the nearest thing that exists, and where to read on. */
function exceptionWhileParsingArguments(error: unknown): string {
  if (!(error instanceof ArgumentScannerError)) throw error;
  const message = formatMessageForArgumentScannerError(error, {
    ArgumentParseError({ externalFlagNameOrPlaceholder: name, input, exception }) {
      // Placeholders of arguments are in capitals, names of flags never are.
      const subject = name === name.toUpperCase() ? name : `--${name}`;
      return `${subject}: "${input}" cannot be used; ${exception instanceof Error ? exception.message : String(exception)}`;
    },
  });
  return `${plainLines(message).join('\n')}\nSee: greenroom --help`;
}

function noCommandRegisteredForInput({ input, corrections }: { input: string; corrections: readonly string[] }): string {
  const nearest = corrections.length > 0 ? ` Did you mean ${corrections.join(' or ')}?` : '';
  return `There is no command \`${plain(input)}\`.${nearest}\nSee: greenroom --help`;
}

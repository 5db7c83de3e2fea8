import { mkdir } from 'node:fs/promises';
import { buildCommand } from '@stricli/core';
import { createSecrets, remedyFor, SecretsError } from '../../orchestrator/adapters/secrets.ts';
import { ownIdentity } from '../../proc.ts';
import { action, type Cli, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { findTarget } from '../target.ts';

/** Not for people: what `startRunner` starts. Its output is the runner's log. */
export const agentRun = buildCommand<AppFlags, [], Cli>({
  func: action(async (cli: Cli, flags: AppFlags) => {
    const stop = listenForStop();
    const { agentSetup } = await import('../agent/setup.ts');
    const setup = await agentSetup(cli, await findTarget(cli, flags));
    const { layout, settings, contract } = setup;
    const log = (message: string): void => cli.say(`${new Date().toISOString()} ${message}`);
    const transcript = await setup.open();
    try {
      if (!transcript.running() && transcript.queued().length === 0) return EXIT.ok;
      await mkdir(layout.run, { recursive: true });
      const { createInstructions } = await import('../../agent/instructions.ts');
      const { runTurn } = await import('../../agent/runner.ts');
      const { createSandbox } = await import('../../agent/sandbox.ts');
      const { createTools } = await import('../../agent/tools.ts');
      const secrets = createSecrets({ layout, contract, env: cli.env });
      const { values, missing } = await secrets.read(settings.secrets);
      if (missing.length > 0) log(`Not set: ${missing.join(', ')}. ${remedyFor(contract, layout)}`);
      const limiter = setup.openLimits();
      if (limiter.gaps.length > 0) log(`Not held by the kernel for this turn: ${limiter.gaps.join('; ')}.`);
      const workspaceMb = contract.limits?.disk?.workspace_mb;
      await runTurn({
        paths: layout,
        settings,
        transcript,
        self: ownIdentity(),
        agent: await setup.find(),
        workspace: setup.workspace,
        confined: setup.confined,
        instructions: createInstructions({ app: setup.target.app.name, rules: contract, paths: layout, settings }),
        openTools: createTools({ paths: layout, settings, branch: contract.agent_branch, log }),
        openSandbox: createSandbox({ paths: layout, settings, log, as: setup.confined.layers }),
        limiter,
        ...(workspaceMb === undefined ? {} : { workspaceMb }),
        secrets: values,
        hidden: await appSecrets(secrets, contract.secrets_inject),
        env: cli.env,
        stop,
        startNext: async () => {
          const problem = await setup.startRunner();
          if (problem) log(problem);
        },
        log,
      });
      return EXIT.ok;
    } finally {
      transcript.close();
    }
  }),
  parameters: { flags: appFlags },
  docs: {
    brief: "Take the next turn of the app's coding agent",
    fullDescription: description('Started by "greenroom agent" and the chat; ends at once when no turn waits.', [
      ['greenroom agent-run --data DIR', 'take the next turn'],
    ]),
  },
});

/** The agent is not given the app's secrets, but where nothing keeps it from the app's processes it may come upon one, and say it. */
async function appSecrets(secrets: ReturnType<typeof createSecrets>, names: readonly string[]): Promise<string[]> {
  try {
    return Object.values((await secrets.read(names)).values);
  } catch (error) {
    if (error instanceof SecretsError) return [];
    throw error;
  }
}

/** From the first moment, so that a stop during the start is not lost. */
function listenForStop(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => abort.abort());
  return abort.signal;
}

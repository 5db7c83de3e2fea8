import { buildCommand } from '@stricli/core';
import { action, type Cli, EXIT } from '../context.ts';
import { description } from '../flags.ts';

export const demoAgent = buildCommand<Record<never, never>, [], Cli>({
  func: action(async (cli: Cli) => {
    const { runDemoAgent } = await import('../../agent/demo.ts');
    await runDemoAgent(cli.env);
    return EXIT.ok;
  }),
  parameters: { flags: {} },
  docs: {
    brief: 'Serve the scripted agent of the demo (no AI), which knows a few changes to the guestbook',
    fullDescription: description('Speaks the Agent Client Protocol on standard input and output; a contract names it as `agent.command`.', [
      ['"agent": { "command": "greenroom demo-agent" }', 'in the contract'],
    ]),
  },
});

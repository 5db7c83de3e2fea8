import { parseArgs } from 'node:util';
import { AGENTS, isAgentChoice } from './demo/agent.ts';
import { runDemo } from './demo/run.ts';

const USAGE = `npm run demo [-- [--once] [--agent NAME]]

Puts a small web app with a chat under Greenroom; a new version, a request in the chat, a rollback and a broken version follow, while visitors use
it. Takes about half a minute. Everything is in a temporary folder and goes away with Ctrl-C.
  --once        end without waiting, with 0 when all went as it should and 1 when not
  --agent NAME  who works for the chat: ${AGENTS.join(', ')}
                scripted: no AI, no key, no network (the default); auto: the first known agent that is installed`;

process.exitCode = await main();

async function main(): Promise<number> {
  let values: { once: boolean; agent: string; help: boolean };
  try {
    const options = { once: { type: 'boolean', default: false }, agent: { type: 'string', default: 'scripted' } } as const;
    ({ values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h', default: false } } }));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (isAgentChoice(values.agent)) return await runDemo({ once: values.once, agent: values.agent });
  console.error(`There is no agent "${values.agent}": choose one of ${AGENTS.join(', ')}.`);
  return 2;
}

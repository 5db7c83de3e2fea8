import { proposeCompletions, run } from '@stricli/core';
import { greenroomHome } from '../home.ts';
import { buildCli } from './app.ts';
import { type Cli, createCli, EXIT } from './context.ts';

/** Not in the help: what the completion scripts call. */
const COMPLETE = '__complete';

/** Runs one command line and answers its exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const cli = createCli(process.env, process.cwd(), greenroomHome());
  const app = buildCli();
  if (argv[0] === COMPLETE) {
    const words = argv.length > 1 ? argv.slice(1) : [''];
    for (const { completion, brief } of await proposeCompletions(app, words, cli))
      if (completion !== '--') cli.say(`${completion}\t${brief}`);
    return EXIT.ok;
  }
  await run(app, argv, cli);
  return exitCode(cli);
}

/** The parser reports its own errors with negative codes: below -3 the words were wrong, above that Greenroom is. */
function exitCode({ process: { exitCode: code } }: Cli): number {
  const value = Number(code ?? EXIT.ok);
  if (value >= 0) return value;
  return value <= -4 ? EXIT.usage : EXIT.failed;
}

#!/usr/bin/env node
/** The `greenroom` on the agent's PATH: the tools as commands, and `greenroom mcp`, the same tools for agents that start their MCP servers. */
import { keepCompiled } from '../compile-cache.ts';

keepCompiled();

const argv = process.argv.slice(2);
process.exitCode = argv[0] === 'mcp' ? await serve() : await run();

async function run(): Promise<number> {
  const { runCommand } = await import('./tools/command.ts');
  return await runCommand(argv, process.env, {
    say: (line) => void process.stdout.write(`${line}\n`),
    warn: (line) => void process.stderr.write(`${line}\n`),
  });
}

async function serve(): Promise<number> {
  const { serveMcpOnStdio } = await import('./tools/stdio.ts');
  return serveMcpOnStdio(process.env, (message) => void process.stderr.write(`${message}\n`));
}

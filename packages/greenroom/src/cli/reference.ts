import { type Application, type CommandContext, generateHelpTextForAllCommands } from '@stricli/core';
import { buildCli } from './app.ts';

/** Markdown with the help of every command, for docs/guides/cli.md. */
export function renderReference(): string {
  // The library's type forgets that an application has a context of its own; the texts do not depend on it.
  return generateHelpTextForAllCommands(buildCli() as unknown as Application<CommandContext>)
    .map(([name, help]) => `### ${name}\n\n\`\`\`text\n${help.trim()}\n\`\`\`\n`)
    .join('\n');
}

import { buildCommand } from '@stricli/core';
import { COMPLETION_SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts';
import { action, type Cli, CliError, EXIT } from '../context.ts';
import { description } from '../flags.ts';

interface CompletionFlags {
  readonly json: boolean;
}

export const completion = buildCommand<CompletionFlags, [shell: Shell], Cli>({
  func: action(async (cli: Cli, flags: CompletionFlags, shell: Shell) => {
    const script = COMPLETION_SCRIPTS[shell];
    cli.stdout.write(flags.json ? `${JSON.stringify({ shell, script })}\n` : script);
    return EXIT.ok;
  }),
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse(input: string): Shell {
            const shell = SHELLS.find((known) => known === input);
            if (shell) return shell;
            throw new CliError(EXIT.usage, 'usage', `it must be one of: ${SHELLS.join(', ')}`);
          },
          proposeCompletions: (partial: string) => SHELLS.filter((shell) => shell.startsWith(partial)),
          brief: `One of ${SHELLS.join(', ')}`,
          placeholder: 'SHELL',
        },
      ],
    },
    flags: { json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print JSON instead of the script' } },
  },
  docs: {
    brief: 'Print a script that completes commands, flags and app names',
    fullDescription: description('Load it once in the start-up file of your shell.', [
      ['source <(greenroom completion bash)', 'in ~/.bashrc'],
      ['source <(greenroom completion zsh)', 'in ~/.zshrc, after compinit'],
      ['greenroom completion fish | source', 'in ~/.config/fish/config.fish'],
    ]),
  },
});

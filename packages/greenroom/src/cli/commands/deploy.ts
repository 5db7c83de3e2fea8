import { type DeployBody, TRIGGERS, type Trigger } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { action, type Cli, CliError, EXIT, traceOf } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { git } from '../git.ts';
import { runAttempt } from '../progress/run.ts';
import { connect, findTarget, type Target } from '../target.ts';

interface DeployFlags extends AppFlags {
  readonly branch?: string;
  readonly reason?: string;
  readonly dryRun: boolean;
  readonly trigger?: Trigger;
}

export const deploy = buildCommand<DeployFlags, [commit?: string], Cli>({
  func: action(async (cli: Cli, flags: DeployFlags, commit?: string) => {
    if (commit !== undefined && flags.branch !== undefined) {
      throw new CliError(EXIT.usage, 'usage', `Give a commit or --branch, not both (got "${commit}" and --branch ${flags.branch}).`);
    }
    const target = await findTarget(cli, flags);
    const client = await connect(target);
    const body: DeployBody = {
      ...(commit === undefined ? { branch: flags.branch ?? (await humanBranch(target)) } : { commit: await here(cli, commit) }),
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
      ...(flags.dryRun ? { dry_run: true } : {}),
      trigger: flags.trigger ?? 'manual',
    };
    return await runAttempt(cli, client, 'deploy', () => client.deploy(body, { async: true, ...traceOf(cli) }), flags.json);
  }),
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: text,
          optional: true,
          brief: 'Commit to deploy: a full or short id, a branch or tag, or HEAD of this folder',
          placeholder: 'COMMIT',
        },
      ],
    },
    flags: {
      branch: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: "Deploy the head of this branch (default: the contract's human_branch)",
        placeholder: 'BRANCH',
      },
      reason: { kind: 'parsed', parse: text, optional: true, brief: 'Why, for the journal', placeholder: 'TEXT' },
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Say what would happen, change nothing' },
      trigger: { kind: 'enum', values: TRIGGERS, optional: true, brief: 'What asked for it (default: manual)', placeholder: 'TRIGGER' },
      ...appFlags,
    },
  },
  docs: {
    brief: 'Deploy a commit, showing each step, until it is live or refused',
    fullDescription: description('A commit that is refused or fails never goes live: the live release stays as it is.', [
      ['greenroom deploy', 'the head of the main branch'],
      ['greenroom deploy 1a2b3c4 --reason "fix login"', 'one commit'],
      ['greenroom deploy --branch machine --dry-run', 'what would happen'],
      ['greenroom deploy --json', 'JSON lines: one per step, the result last'],
    ]),
  },
});

async function humanBranch({ app }: Target): Promise<string> {
  const { readContract } = await import('../../orchestrator/adapters/contract-file.ts');
  const read = await readContract(app.contract);
  if (!read.ok)
    throw new CliError(
      EXIT.failed,
      'contract_invalid',
      ['Which branch to deploy is in the contract, and it cannot be used:', ...read.sentences].join('\n'),
    );
  return read.contract.human_branch;
}

/** What only the repository that the user stands in can answer (`HEAD`, `HEAD~2`, `@`) is asked there; everything else is the orchestrator's to find. */
async function here(cli: Cli, commit: string): Promise<string> {
  if (!/^(HEAD|@)([~^][~^0-9]*)?$/.test(commit)) return commit;
  const found = await git(['-C', cli.cwd, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`]);
  return found.ok ? found.text.trim() : commit;
}

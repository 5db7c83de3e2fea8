import type { Accepted, Refusal } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { ownName } from '../../own-name.ts';
import { action, type Cli } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { runAttempt } from '../progress/run.ts';
import { findWaiting } from '../waiting.ts';

interface ApproveFlags extends AppFlags {
  readonly by?: string;
}

export const approve = buildCommand<ApproveFlags, [id?: string], Cli>({
  func: action(async (cli: Cli, flags: ApproveFlags, asked?: string) => {
    const { client, id } = await findWaiting(cli, flags, 'approve', asked);
    const submit = async (): Promise<Accepted | Refusal> => {
      const answer = await client.approve({ id, by: flags.by ?? ownName() });
      return answer.success ? { success: true, id: answer.id, status: 'accepted' } : answer;
    };
    return await runAttempt(cli, client, 'deploy', submit, flags.json);
  }),
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, optional: true, brief: 'Id of the deploy (default: the one that waits)', placeholder: 'ID' }],
    },
    flags: {
      by: { kind: 'parsed', parse: text, optional: true, brief: 'Who approves (default: your user name)', placeholder: 'NAME' },
      ...appFlags,
    },
  },
  docs: {
    brief: "Let the agent's deploy that waits go live",
    fullDescription: description(
      'With `agent.approval` in the contract, deploys of the agent wait, healthy, for a person. After the approval it is probed once more and goes live.',
      [
        ['greenroom approve', 'the one that waits'],
        ['greenroom approve 20260201T120000-1a2b3c', 'this one, or none'],
      ],
    ),
  },
});

import type { AttemptView, Refusal } from '@greenroom/sdk/wire';
import { z } from 'zod';
import { plain } from '../../plain.ts';
import { type Answer, paragraphs } from './answer.ts';
import { describeFollowed } from './attempt.ts';
import type { ToolsContext } from './context.ts';
import { short } from './describe.ts';
import { followFor } from './follow.ts';
import { awaitUpgrade } from './present.ts';
import { costsATry, failedDeploys, stopSentence } from './tries.ts';
import { defineVerb } from './verb.ts';
import { fileLines, readWorkspace, type WorkspaceFacts } from './workspace.ts';

export const reason = z
  .string()
  .trim()
  .min(1, 'say why, in a few words')
  .max(500)
  .describe('Why, in one sentence for people: it is kept in the journal and shown in the chat.');

export const deploy = defineVerb({
  name: 'deploy',
  command: 'deploy',
  title: 'Deploy your commits',
  description: [
    "Makes the newest commit of your branch the app's live version, without downtime, and waits for the outcome.",
    'Commit first: only what is committed is deployed. The commit is checked (secrets, protected paths, size, human work that it would drop), set up, started beside the live version and probed; only when all of that holds does it go live.',
    'A refusal leaves the live version untouched and answers with the step, a code, the error and evidence such as the last output of the app: repair the cause, commit, deploy again. Failed tries are limited per turn.',
  ].join(' '),
  input: z.object({
    reason,
    allow_uncommitted: z
      .boolean()
      .default(false)
      .describe('Deploy although the working copy has changes that are not committed and so will not be part of it.'),
  }),
  readOnly: false,
  async run(context, { reason: why, allow_uncommitted }, call) {
    const { client, branch, conversation, turn } = context;
    await awaitUpgrade(context, call);
    const tried = await failedDeploys(client, turn);
    if (tried >= context.failedDeploysPerTurn) return noTriesLeft(tried);
    const workspace = await readWorkspace(context);
    if (typeof workspace === 'string') return refusal('workspace_unreadable', workspace);
    const obstacle = notReady(context, workspace, allow_uncommitted);
    if (obstacle) return obstacle;
    const { live_commit } = await client.status();
    if (live_commit === workspace.head) return alreadyLive(workspace.head);
    const body = { branch, reason: why, trigger: 'agent', origin: { conversation, turn } } as const;
    const followed = await followFor(context, call, () => client.deploy(body, { async: true }));
    return await describeFollowed('deploy', followed, async (outcome) => triesLeft(context, outcome));
  },
});

/** Why what the agent has done so far is not what would be deployed. */
function notReady({ branch }: ToolsContext, workspace: WorkspaceFacts, allowUncommitted: boolean): Answer | null {
  if (workspace.head === '') return refusal('nothing_committed', 'There is no commit yet. Commit what you want to deploy first.');
  if (workspace.branch !== branch) {
    const at = workspace.branch === '' ? 'No branch is checked out' : `The branch ${plain(workspace.branch)} is checked out`;
    return refusal(
      'other_branch',
      `${at}, but what is deployed is the branch ${branch}. Bring your commits there: git checkout ${branch}, then merge or cherry-pick them.`,
    );
  }
  if (allowUncommitted || workspace.uncommitted.length === 0) return null;
  return refusal(
    'uncommitted_changes',
    paragraphs(
      'Only what is committed is deployed, and these changes are not:',
      fileLines(workspace).map(plain),
      'Nothing was done. Commit what belongs to it and remove what does not, or call this again with allow_uncommitted to leave them out.',
    ),
    { uncommitted: workspace.uncommitted },
  );
}

function refusal(code: string, error: string, more: object = {}): Answer {
  return { exit: 1, text: error, data: { success: false, code, error, ...more } };
}

function alreadyLive(commit: string): Answer {
  const text = `Commit ${short(commit)}, the newest of your branch, is live already; nothing was done.`;
  return { exit: 0, text, data: { success: true, commit, unchanged: true } };
}

function noTriesLeft(tried: number): Answer {
  return refusal(
    'no_tries_left',
    `${tried} deploys of this turn were refused or failed, which is as many as are allowed; nothing was asked. Stop and report to the person: what you tried, what is in the way, and what you need.`,
  );
}

/** What to do after a deploy that did not succeed, with how often it may be tried again. */
async function triesLeft({ client, turn, failedDeploysPerTurn }: ToolsContext, outcome: AttemptView | Refusal): Promise<string> {
  const stop = stopSentence(outcome);
  if (stop) return stop;
  const left = failedDeploysPerTurn - (await failedDeploys(client, turn));
  if (left <= 0) {
    return 'No tries are left in this turn. Stop and report to the person: what you tried, what is in the way, and what you need.';
  }
  const again =
    'status' in outcome && !costsATry(outcome) ? 'This one did not count. Deploy again.' : 'Repair the cause, commit, and deploy again.';
  return `${again} Tries left in this turn: ${left} of ${failedDeploysPerTurn}.`;
}

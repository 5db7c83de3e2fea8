import { readFile } from 'node:fs/promises';
import type { Status } from '@greenroom/sdk/wire';
import { z } from 'zod';
import { plain } from '../../plain.ts';
import { paragraphs } from './answer.ts';
import { attemptLine, short } from './describe.ts';
import { failedDeploys } from './tries.ts';
import { defineVerb } from './verb.ts';
import { fileLines, readWorkspace, type WorkspaceFacts } from './workspace.ts';

const SHOWN_ATTEMPTS = 5;

export const status = defineVerb({
  name: 'status',
  command: 'status',
  title: 'Status',
  description:
    'What is live and whether it is healthy, what is being deployed or waits, the state of your working copy compared with it, the last attempts, and how many failed deploys this turn has left.',
  input: z.object({}),
  readOnly: true,
  async run(context) {
    const { client, turn, failedDeploysPerTurn } = context;
    const [now, failed, workspace] = await Promise.all([client.status(), failedDeploys(client, turn), readWorkspace(context)]);
    const left = Math.max(0, failedDeploysPerTurn - failed);
    return {
      exit: 0,
      text: paragraphs(
        appLines(now),
        workspaceLines(workspace, now),
        `failed deploys this turn may still have: ${left} of ${failedDeploysPerTurn}`,
        [
          now.deploys.length > 0 ? 'last attempts, newest first:' : 'no attempts yet',
          ...now.deploys.slice(0, SHOWN_ATTEMPTS).map((it) => `  ${attemptLine(it)}`),
        ],
      ),
      data: { success: true, status: now, workspace, tries_left: left },
    };
  },
});

export const contract = defineVerb({
  name: 'contract',
  command: 'contract',
  title: 'Contract',
  description:
    "The app's contract: how it is started and probed, protected paths, limits. A read-only copy; only the operator can change it, and it is no part of the repository.",
  input: z.object({}),
  readOnly: true,
  async run({ contract: file }) {
    try {
      const text = await readFile(file, 'utf8');
      return { exit: 0, text, data: { success: true, contract: JSON.parse(text) as unknown } };
    } catch (error) {
      const problem = `The copy of the contract cannot be read: ${(error as Error).message}`;
      return { exit: 1, text: problem, data: { success: false, code: 'contract_unreadable', error: problem } };
    }
  },
});

function appLines(now: Status): string[] {
  const lines = [
    `app: ${plain(now.app)}`,
    now.live_commit
      ? `live: ${short(now.live_commit)} in slot ${now.live_slot} since ${now.last_deploy_time}, ${now.healthy ? 'healthy' : 'NOT healthy'}`
      : 'live: nothing',
    `a rollback goes to: ${short(now.previous_commit) || 'nothing; there is no previous version'}`,
  ];
  if (now.restart) lines.push(`the live instance ${plain(now.restart.last_exit)}; restart ${now.restart.attempt} at ${now.restart.at}`);
  if (now.attempt) lines.push(`under way: ${attemptLine(now.attempt)}`);
  for (const it of now.queue) lines.push(`queued: ${it.kind} of ${short(it.commit) || plain(it.branch)} by ${it.trigger}`);
  if (now.freeze) lines.push(`deploys are stopped by a person (${now.freeze.scope}): ${plain(now.freeze.reason)}`);
  if (now.quarantine.length > 0)
    lines.push(`rolled back from, never to be deployed again as they are: ${now.quarantine.map(short).join(', ')}`);
  for (const it of now.drift) lines.push(`noticed: ${it.name}: ${plain(it.detail)}`);
  return lines;
}

function workspaceLines(workspace: WorkspaceFacts | string, now: Status): string[] {
  if (typeof workspace === 'string') return [workspace];
  const { head, branch, uncommitted } = workspace;
  const where = branch ? `on ${plain(branch)}` : 'on no branch';
  const isLive = head !== '' && head === now.live_commit ? ', which is live' : ', which is not live';
  const lines = [head ? `working copy: ${where} at ${short(head)}${isLive}` : `working copy: ${where}, without a commit`];
  if (uncommitted.length > 0) lines.push('not committed:', ...fileLines(workspace).map(plain));
  return lines;
}

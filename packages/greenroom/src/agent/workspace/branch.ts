import type { WorkspaceNote } from '../runner/ports.ts';
import { startOf } from './clone.ts';
import type { Git } from './git.ts';
import { keep, move } from './move.ts';
import { branchRef, commitOf, short, type WorkspaceOptions } from './place.ts';
import { currentBranch, stateOf } from './state.ts';

/** Checks the agent's branch out when that loses nothing. Answers whether it is checked out, and what there is to say. */
export async function checkOutAgentBranch(git: Git, options: WorkspaceOptions): Promise<{ onBranch: boolean; notes: WorkspaceNote[] }> {
  const { agentBranch } = options;
  const notes: WorkspaceNote[] = [];
  const say = (text: string): void => {
    notes.push({ level: 'warning', text, tellAgent: true });
  };
  let target = await commitOf(git, branchRef(agentBranch));
  if (target === '') {
    target = await startOf(git, options);
    if (target === '') throw new Error(`no commit to begin ${agentBranch} at`);
    await git.text(['update-ref', branchRef(agentBranch), target]);
    say(`The branch ${agentBranch} was gone; it begins again at ${short(target)}.`);
  }
  const current = await currentBranch(git);
  if (current === agentBranch) return { onBranch: true, notes };

  const { head, uncommitted } = await stateOf(git);
  const where = current === '' ? `on commit ${short(head)}, on no branch` : `on the branch ${JSON.stringify(current)}`;
  if (uncommitted.length > 0) {
    say(
      `The workspace is ${where}, with changes that are not committed: it was left as it is. What is deployed is ${agentBranch}: commit the changes, then go back with "git switch ${agentBranch}".`,
    );
    return { onBranch: false, notes };
  }
  if (current === '' && head !== '' && !(await isOnBranch(git, head))) {
    say(`Commits that were on no branch are kept as ${await keep(git, head)}.`);
  }
  const from = head || target;
  const moved = await move(git, { from, to: target }, async () => {
    await git.text(['symbolic-ref', '-m', `greenroom: back to ${agentBranch}`, 'HEAD', branchRef(agentBranch)]);
  });
  if (moved.moved) say(`The workspace was ${where}; it is on ${agentBranch} again.`);
  else say(`The workspace is ${where} and cannot go back to ${agentBranch}: ${moved.because}.`);
  return { onBranch: moved.moved, notes };
}

async function isOnBranch(git: Git, commit: string): Promise<boolean> {
  const found = await git.text([
    'for-each-ref',
    '--count=1',
    `--contains=${commit}`,
    '--format=%(refname)',
    'refs/heads/',
    'refs/remotes/',
  ]);
  return found !== '';
}

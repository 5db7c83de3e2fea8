import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { INSTANCE_ENV, SLOT_NAMES } from '@greenroom/sdk/wire';
import { createGit, type Git } from '../orchestrator/adapters/git/git.ts';
import { killMarked } from '../orchestrator/adapters/git/processes.ts';
import { createBare, openRepo, RepoError } from '../orchestrator/adapters/git/repo.ts';
import { type Lock, takeLock } from '../orchestrator/adapters/lock.ts';
import { SETUP_MARKER } from '../orchestrator/adapters/slots/setup-command.ts';
import { readState } from '../orchestrator/adapters/state-file.ts';
import type { Contract } from '../orchestrator/core/contract.ts';
import { type Layout, layoutOf } from '../orchestrator/layout.ts';

/** The app cannot be tried. The message is a sentence for the operator. */
export class StageError extends Error {
  override readonly name = 'StageError';
}

/** Held while a doctor is at work on the app; null when another one is. The kernel gives it back when its process dies. */
export async function lockStage({ run }: Pick<Layout, 'run'>): Promise<Lock | null> {
  await mkdir(run, { recursive: true });
  return takeLock(join(run, 'doctor.lock'));
}

/** Ends what a killed doctor left running, and removes its folder. Nothing is touched while a doctor is at work. */
export async function clearStage(layout: Pick<Layout, 'run' | 'doctor'>): Promise<void> {
  const lock = await lockStage(layout);
  if (!lock) return;
  try {
    await emptyStage(layout.doctor);
  } finally {
    lock.release();
  }
}

/** Kills every process that was started for this folder, however far from its parent it went. Call with the lock held. */
export async function emptyStage(folder: string): Promise<void> {
  const { contractCopy, slot } = layoutOf(folder);
  await killMarked(INSTANCE_ENV.contract, contractCopy);
  for (const name of SLOT_NAMES) await killMarked(SETUP_MARKER, slot(name));
  await rm(folder, { recursive: true, force: true });
}

/** The live commit, out of the app's own repository, which is only read; of an app that was never deployed, the head of its human branch. */
export async function openCommit(app: Layout, stage: Layout, repo: string, contract: Contract): Promise<{ git: Git; commit: string }> {
  const live = (await readState(app.state))?.state.live?.commit;
  if (live !== undefined) {
    await createBare(stage.repo);
    await writeFile(join(stage.repo, 'objects', 'info', 'alternates'), `${join(app.repo, 'objects')}\n`);
    return { git: createGit(stage.repo), commit: live };
  }
  if (repo === '') throw new StageError('Nothing is live, and the repository is not known: start the app once with --repo DIR|URL.');
  try {
    const branches = { humanBranch: contract.human_branch, agentBranch: contract.agent_branch };
    const opened = await openRepo({ layout: stage, remote: repo, ...branches, log: () => undefined });
    const resolved = await opened.resolve({ branch: contract.human_branch }, new AbortController().signal);
    if (!resolved.ok) throw new StageError(resolved.failure.error);
    return { git: opened.git, commit: resolved.value.commit };
  } catch (error) {
    if (error instanceof RepoError) throw new StageError(error.message);
    throw error;
  }
}

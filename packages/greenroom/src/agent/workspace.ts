import { chmod, mkdir } from 'node:fs/promises';
import type { PreparedWorkspace, TurnPlace, Workspace, WorkspaceNote } from './runner/ports.ts';
import { checkOutAgentBranch } from './workspace/branch.ts';
import { fetchBranches, openWorkspace } from './workspace/clone.ts';
import { writeDurably } from './workspace/files.ts';
import { type Git, GitError } from './workspace/git.ts';
import { writeHooks } from './workspace/hooks.ts';
import { inertGit } from './workspace/inert.ts';
import { conflictTask, mergeHuman, named } from './workspace/merge.ts';
import { repairMove } from './workspace/move.ts';
import { branchRef, commitOf, gitPlace, remoteRef, short, type WorkspaceOptions } from './workspace/place.ts';
import { endTurnStart, readTurnStart, reportGivenUp, type TurnStart, writeTurnStart } from './workspace/report.ts';
import { commitsSince, stateOf, unfinishedOperation } from './workspace/state.ts';

export type { WorkspaceOptions } from './workspace/place.ts';
export { askToFetch } from './workspace/refresh.ts';

const MOST_COMMITS_LOOKED_AT = 1_000;
const TURN_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** The agent's working copy: a clone of the orchestrator's repository at a path that never changes, on the agent's branch. */
export function createWorkspace(options: WorkspaceOptions): Workspace {
  const path = options.paths.workspace;
  return {
    path,
    async prepare(turn) {
      try {
        return await prepare(options, turn);
      } catch (error) {
        if (!isExpected(error)) throw error;
        return { ok: false, problem: `The agent's workspace ${path} cannot be used: ${error.message}.` };
      }
    },
    state: () => orElse({ head: '', uncommitted: [] }, async () => await stateOf(await inertGit(path))),
    commitsSince: (since, limit) => orElse([], async () => await commitsSince(await inertGit(path), since, limit)),
    async close(turn) {
      try {
        return await close(options, turn);
      } catch (error) {
        if (!isExpected(error)) throw error;
        return [warning(`The agent's workspace could not be looked at after the turn: ${error.message}.`)];
      }
    },
  };
}

async function prepare(options: WorkspaceOptions, turn: TurnPlace): Promise<PreparedWorkspace> {
  const { humanBranch, agentBranch, paths } = options;
  const notes: WorkspaceNote[] = [];
  const stale = await options.refresh();
  if (stale !== '') notes.push(warning(`What is new on ${humanBranch} could not be asked for (${stale}); going on with what is known.`));
  const opened = await openWorkspace(options);
  if (!opened.ok) return opened;
  const { git, made, setAside } = opened;
  if (setAside !== '') notes.push(warning(`${paths.workspace} was no git clone; what was there is kept as ${setAside}.`));

  const kept = await repairMove(git);
  if (kept !== '') notes.push({ ...warning(`Work found in a half-finished merge is kept as the branch ${kept}.`), tellAgent: true });
  const unfetched = made ? '' : await fetchBranches(git, options);
  if (unfetched !== '') notes.push(warning(`The workspace could not be brought up to date: ${unfetched}.`));
  await mkdir(gitPlace(paths).folder, { recursive: true });
  // Whatever the mask is: the agent's git has to get there.
  await chmod(gitPlace(paths).folder, 0o755);
  await writeHooks(paths);
  const trailers = trailersOf(turn);
  await writeDurably(gitPlace(paths).trailers, trailers, 0o644);

  const begun = await begin(git, options, trailers);
  notes.push(...begun.notes);
  const head = await commitOf(git, branchRef(agentBranch));
  await writeTurnStart(options, { ...turn, head, conflict: begun.conflict });
  const environment = gitEnvironment(options);
  return begun.firstTask === '' ? { ok: true, notes, environment } : { ok: true, notes, firstTask: begun.firstTask, environment };
}

/** Branch and merge. What is unfinished is the agent's to finish, and is not touched. */
async function begin(
  git: Git,
  options: WorkspaceOptions,
  trailers: string,
): Promise<{ notes: WorkspaceNote[]; firstTask: string; conflict: string }> {
  const { humanBranch, agentBranch } = options;
  const unfinished = await unfinishedOperation(git);
  if (unfinished !== null) {
    const { name, abort } = unfinished;
    const human = await commitOf(git, remoteRef(humanBranch));
    const firstTask = `The workspace holds a ${name} that is not finished. Look at it with "git status", then finish it or give it up with "${abort}". After that run "git merge ${human}", so that the newest work on ${humanBranch} is in ${agentBranch}.`;
    return { notes: [warning(`The workspace holds a ${name} that is not finished.`)], firstTask, conflict: '' };
  }
  const { onBranch, notes } = await checkOutAgentBranch(git, options);
  if (!onBranch) return { notes, firstTask: '', conflict: '' };
  const merged = await mergeHuman(git, options, trailers);
  switch (merged.state) {
    case 'merged':
      if (merged.commits > 0) {
        const text = `${merged.commits === 1 ? 'One new commit' : `${merged.commits} new commits`} of ${humanBranch} merged into ${agentBranch}.`;
        notes.push({ level: 'info', text, tellAgent: true });
      }
      return { notes, firstTask: '', conflict: '' };
    case 'conflict': {
      const text = `${humanBranch} (${short(merged.human)}) conflicts with ${agentBranch} in ${named(merged.files)}: resolving that is the agent's first task.`;
      return { notes: [...notes, warning(text)], firstTask: conflictTask(merged, options), conflict: merged.human };
    }
    case 'left': {
      const where = merged.files.length > 0 ? ` (${named(merged.files)})` : '';
      const text = `${humanBranch} (${short(merged.human)}) is not merged into ${agentBranch} yet: ${merged.because}${where}. Commit them, then run "git merge ${merged.human}".`;
      return { notes: [...notes, { ...warning(text), tellAgent: true }], firstTask: '', conflict: '' };
    }
    default: {
      const exhaustive: never = merged;
      throw new Error(`unknown outcome ${JSON.stringify(exhaustive)}`);
    }
  }
}

async function close(options: WorkspaceOptions, turn: TurnPlace): Promise<WorkspaceNote[]> {
  const start = await readTurnStart(options);
  if (start === null || start.turn !== turn.turn) return [];
  const git = await inertGit(options.paths.workspace);
  const notes: WorkspaceNote[] = [];
  const unmarked = await commitsWithoutTrailers(git, options, start);
  if (unmarked > 0) {
    const many = unmarked === 1 ? 'One commit of this turn does' : `${unmarked} commits of this turn do`;
    notes.push(
      warning(`${many} not carry the trailers "Greenroom-Conversation" and "Greenroom-Turn", so its history does not lead back here.`),
    );
  }
  const files = await reportGivenUp(git, options, start);
  if (files !== null) {
    const text = `${options.humanBranch} (${short(start.conflict)}) is still not merged into ${options.agentBranch}: the conflict in ${named(files)} was not resolved. A person is alerted.`;
    notes.push(warning(text));
  }
  await endTurnStart(options);
  return notes;
}

async function commitsWithoutTrailers(
  git: Git,
  { agentBranch, humanBranch }: WorkspaceOptions,
  { head, turn }: TurnStart,
): Promise<number> {
  if (head === '') return 0;
  const format = '--format=%(trailers:key=Greenroom-Turn,valueonly,separator=%x2C)';
  const range = [branchRef(agentBranch), `^${head}`, `^${remoteRef(humanBranch)}`];
  const { code, stdout } = await git.run(['log', '-z', `--max-count=${MOST_COMMITS_LOOKED_AT}`, format, ...range, '--']);
  if (code !== 0 || stdout.length === 0) return 0;
  const values = stdout.toString('utf8').replace(/\0$/, '').split('\0');
  return values.filter((value) => value.trim() !== turn).length;
}

function trailersOf({ conversation, turn }: TurnPlace): string {
  if (!TURN_ID.test(conversation) || !TURN_ID.test(turn)) throw new Error(`not ids: ${JSON.stringify([conversation, turn])}`);
  return `Greenroom-Conversation: ${conversation}\nGreenroom-Turn: ${turn}\n`;
}

/**
 * For the agent: our hooks, whatever the clone's configuration says by then, and a git that waits for nobody. By `GIT_CONFIG_PARAMETERS`, which is
 * how git itself hands on `-c`: agents that keep variables with KEY in their name from their shells would break git with `GIT_CONFIG_KEY_0`.
 */
function gitEnvironment({ paths, agentEnvironment = {} }: WorkspaceOptions): Record<string, string> {
  const setting = `'core.hookspath=${gitPlace(paths).hooks.replaceAll("'", "'\\''")}'`;
  const given = agentEnvironment['GIT_CONFIG_PARAMETERS'];
  const usual = { GIT_EDITOR: 'true', GIT_PAGER: 'cat', GIT_TERMINAL_PROMPT: '0' };
  const missing = Object.entries(usual).filter(([name]) => agentEnvironment[name] === undefined);
  return { ...Object.fromEntries(missing), GIT_CONFIG_PARAMETERS: given ? `${given} ${setting}` : setting };
}

const warning = (text: string): WorkspaceNote => ({ level: 'warning', text, tellAgent: false });

/** Of a clone that is not there, or cannot be read now, nothing is known. */
async function orElse<T>(nothing: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isExpected(error)) throw error;
    return nothing;
  }
}

/** What git or the system refused, as opposed to a bug. */
const isExpected = (error: unknown): error is Error => error instanceof GitError || (error instanceof Error && 'syscall' in error);
